import { type Static, type TSchema, Type } from 'typebox';
import { findProblems } from '../../support/schema.ts';
import { functionName } from '../spec.ts';

/** Docker's full id. Nothing else fits, so that no path can be made up with it. */
const ContainerId = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** A replica that can be frozen. */
export const TaskSchema = Type.Object({ function: functionName, containerId: ContainerId });
export type Task = Static<typeof TaskSchema>;

/** What a node is told to do with one of its replicas. */
const CommandSchema = Type.Intersect([TaskSchema, Type.Object({ frozen: Type.Boolean() })]);
export type FreezeCommand = Static<typeof CommandSchema>;

/** What a node says about its replicas: those that are frozen, or will be in a moment. */
const FreezerStateSchema = Type.Object({
  node: Type.String({ minLength: 1, maxLength: 63 }),
  at: Type.String({ format: 'date-time' }),
  tasks: Type.Array(TaskSchema, { maxItems: 10_000 }),
});
export type FreezerState = Static<typeof FreezerStateSchema>;

export function isContainerId(text: string): boolean {
  return findProblems(ContainerId, text).length === 0;
}

export function encodeFreezeCommand(command: FreezeCommand): string {
  return JSON.stringify(command);
}

/** `undefined` for anything that is not a command. */
export function decodeFreezeCommand(payload: Uint8Array): FreezeCommand | undefined {
  return decode<FreezeCommand>(CommandSchema, payload);
}

export function encodeFreezerState(state: FreezerState): string {
  return JSON.stringify(state);
}

/** `undefined` for anything that is not a state. */
export function decodeFreezerState(payload: Uint8Array): FreezerState | undefined {
  return decode<FreezerState>(FreezerStateSchema, payload);
}

function decode<Value>(schema: TSchema, payload: Uint8Array): Value | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload).toString());
    return findProblems(schema, value).length === 0 ? (value as Value) : undefined;
  } catch {
    return undefined; // not JSON
  }
}
