import { type Static, Type } from 'typebox';
import { BrambleError, messageOf } from '../support/errors.ts';
import { check } from '../support/schema.ts';
import type { Colour, View } from './gauge.ts';

const Channel = Type.Integer({ minimum: 0, maximum: 255 });
export const ViewSchema = Type.Enum(['cluster', 'nodes', 'node', 'solid']);

/** What the pixels are told to show: `{"view":"solid","red":255,"forMs":5000}`. */
export const GaugeCommandSchema = Type.Object(
  {
    view: Type.Optional(ViewSchema),
    red: Type.Optional(Channel),
    green: Type.Optional(Channel),
    blue: Type.Optional(Channel),
    brightness: Type.Optional(Type.Integer({ minimum: 0, maximum: 31 })),
    forMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 86_400_000 })),
  },
  { additionalProperties: false },
);

export type GaugeCommand = Static<typeof GaugeCommandSchema>;

/** What was asked for; without `brightness` the configured one holds, by day or by night. */
export interface Showing {
  readonly view: View;
  readonly colour: Colour;
  readonly brightness?: number;
}

/** Throws INVALID, with every problem, for what is not a command. */
export function decodeGaugeCommand(payload: Uint8Array): GaugeCommand {
  const text = Buffer.from(payload).toString();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new BrambleError('INVALID', `gauge command is not JSON: ${messageOf(cause)}`, { cause });
  }
  return check(GaugeCommandSchema, value, { what: 'gauge command' });
}

/**
 * What to show after a command. A colour without a view means `solid`, and channels that are not named are dark.
 * Without a view or colour the last ones stay; without a brightness the configured one returns.
 */
export function applyCommand(showing: Showing, command: GaugeCommand): Showing {
  const { view, red, green, blue, brightness } = command;
  const hasColour = red !== undefined || green !== undefined || blue !== undefined;
  return {
    view: view ?? (hasColour ? 'solid' : showing.view),
    colour: hasColour ? { red: red ?? 0, green: green ?? 0, blue: blue ?? 0 } : showing.colour,
    ...(brightness === undefined ? {} : { brightness }),
  };
}
