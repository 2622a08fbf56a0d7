import { type Static, Type } from 'typebox';
import { findProblems } from '../support/schema.ts';

const Ratio = Type.Number({ minimum: 0, maximum: 1 });

/** What a node says about itself, as JSON on its load topic. */
export const NodeLoadSchema = Type.Object({
  node: Type.String({ minLength: 1, maxLength: 63 }),
  time: Type.String({ format: 'date-time' }),
  cpuRatio: Ratio,
  memoryRatio: Ratio,
  /** Temperature of the SoC, where it is known. */
  celsius: Type.Optional(Type.Number({ minimum: -55, maximum: 150 })),
  /** The firmware slows this Pi down: too hot, or too little voltage. */
  throttled: Type.Boolean(),
  /** Functions that are being answered now. */
  inFlight: Type.Integer({ minimum: 0 }),
});

export type NodeLoad = Static<typeof NodeLoadSchema>;

export function encodeNodeLoad(load: NodeLoad): string {
  const round = (ratio: number) => Math.round(ratio * 1000) / 1000;
  return JSON.stringify({ ...load, cpuRatio: round(load.cpuRatio), memoryRatio: round(load.memoryRatio) });
}

/** `undefined` for anything that is not a load; newer nodes may add fields. */
export function decodeNodeLoad(payload: Uint8Array): NodeLoad | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload).toString());
    return findProblems(NodeLoadSchema, value).length === 0 ? (value as NodeLoad) : undefined;
  } catch {
    return undefined; // not JSON
  }
}

/** Memory is there to be used: only beyond this does it begin to hurt, and swapping is near at the end. */
const memoryComfort = 0.7;

/** How hard a node works, 0 to 1: its processors or its memory, whichever is nearer to its limit. */
export function strainOf({ cpuRatio, memoryRatio }: Pick<NodeLoad, 'cpuRatio' | 'memoryRatio'>): number {
  const memoryPressure = Math.max(0, (memoryRatio - memoryComfort) / (1 - memoryComfort));
  return Math.max(cpuRatio, memoryPressure);
}

/** Differences that a person or a scheduler would care about. */
const worthSaying = { cpuRatio: 0.05, memoryRatio: 0.02, celsius: 1 };

export function isMeaningfulChange(before: NodeLoad, after: NodeLoad): boolean {
  return (
    before.throttled !== after.throttled ||
    before.inFlight !== after.inFlight ||
    (before.celsius === undefined) !== (after.celsius === undefined) ||
    Math.abs((before.celsius ?? 0) - (after.celsius ?? 0)) >= worthSaying.celsius ||
    Math.abs(before.cpuRatio - after.cpuRatio) >= worthSaying.cpuRatio ||
    Math.abs(before.memoryRatio - after.memoryRatio) >= worthSaying.memoryRatio
  );
}
