import { type Static, Type } from 'typebox';
import { functionName } from '../functions/spec.ts';
import { findProblems } from '../support/schema.ts';

const Count = Type.Integer({ minimum: 0 });

/** What one node asks of one function. */
export const FunctionDemandSchema = Type.Object({
  /** Calls that were begun and are not answered, also those that wait for a replica. */
  inFlight: Count,
  /** Deliveries in the function's queue that are not ended. */
  waiting: Count,
  /** Calls begun since the agent started. */
  requests: Count,
});

export type FunctionDemand = Static<typeof FunctionDemandSchema>;

/** What a node says on its demand topic, as JSON. */
export const NodeDemandSchema = Type.Object({
  node: Type.String({ minLength: 1, maxLength: 63 }),
  at: Type.String({ format: 'date-time' }),
  functions: Type.Record(functionName, FunctionDemandSchema, { additionalProperties: false }),
});

export type NodeDemand = Static<typeof NodeDemandSchema>;

export function encodeDemand(demand: NodeDemand): string {
  return JSON.stringify(demand);
}

/** `undefined` for anything that is not a demand; newer nodes may add fields. */
export function decodeDemand(payload: Uint8Array): NodeDemand | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload).toString());
    return findProblems(NodeDemandSchema, value).length === 0 ? (value as NodeDemand) : undefined;
  } catch {
    return undefined; // not JSON
  }
}
