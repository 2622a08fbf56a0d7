import { type Static, Type } from 'typebox';
import type { Pixel } from '../../hardware/pixels.ts';
import { findProblems } from '../support/schema.ts';
import { ViewSchema } from './command.ts';

const Channel = Type.Integer({ minimum: 0, maximum: 255 });

/** What the pixels show, as JSON on the node's gauge topic. */
export const GaugeStateSchema = Type.Object({
  view: ViewSchema,
  brightness: Type.Integer({ minimum: 0, maximum: 31 }),
  /** The colour of `solid`, whether it is shown now or not. */
  red: Channel,
  green: Channel,
  blue: Channel,
  /** Light of each pixel as `#rrggbb`, before brightness. */
  pixels: Type.Optional(Type.Array(Type.String())),
});

export type GaugeState = Static<typeof GaugeStateSchema>;

export function encodeGaugeState(state: Omit<GaugeState, 'pixels'>, frame: readonly Pixel[]): string {
  return JSON.stringify({ ...state, pixels: frame.map(toHex) });
}

/** `undefined` for anything that is not a state. */
export function decodeGaugeState(payload: Uint8Array): GaugeState | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload).toString());
    return findProblems(GaugeStateSchema, value).length === 0 ? (value as GaugeState) : undefined;
  } catch {
    return undefined; // not JSON
  }
}

function toHex({ red, green, blue }: Pixel): string {
  return `#${[red, green, blue].map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}
