import { type Static, Type } from 'typebox';
import type { Bus, Incoming } from '../bus/bus.ts';
import { publishState } from '../bus/publish-state.ts';
import { topics } from '../events/topics.ts';
import type { Service } from '../lifecycle/service.ts';
import { messageOf } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import { check } from '../support/schema.ts';
import { type GaugeCommand, ViewSchema } from './command.ts';
import { decodeGaugeState, type GaugeState } from './gauge-state.ts';

const Channel = Type.Integer({ minimum: 0, maximum: 255 });

/** A command to a light of the JSON schema (home-assistant.io/integrations/light.mqtt); it may carry more. */
const LightCommandSchema = Type.Object({
  state: Type.Optional(Type.Enum(['ON', 'OFF'])),
  brightness: Type.Optional(Type.Integer({ minimum: 0, maximum: 31 })),
  color: Type.Optional(Type.Object({ r: Channel, g: Channel, b: Channel })),
  effect: Type.Optional(ViewSchema),
});

export type LightCommand = Static<typeof LightCommandSchema>;

/**
 * The gauge's command for a light's. Views are the light's effects. A light remembers its brightness while only its
 * colour or effect is changed and while it is off, so the caller gives the one that was last asked for.
 */
export function toGaugeCommand(light: LightCommand, lastBrightness: number | undefined): GaugeCommand {
  if (light.state === 'OFF') return { brightness: 0 };
  const { color, effect, brightness = lastBrightness } = light;
  return {
    ...(color === undefined ? {} : { red: color.r, green: color.g, blue: color.b }),
    ...(effect === undefined ? {} : { view: effect }),
    ...(brightness === undefined ? {} : { brightness }),
  };
}

export function toLightState({ view, brightness, red, green, blue }: GaugeState): Record<string, unknown> {
  return {
    state: brightness === 0 ? 'OFF' : 'ON',
    color_mode: 'rgb',
    brightness,
    color: { r: red, g: green, b: blue },
    effect: view,
  };
}

export interface LightOptions {
  readonly node: string;
  readonly bus: Pick<Bus, 'publish' | 'subscribe' | 'onState' | 'state'>;
  readonly log: Log;
}

/** Makes the pixels a light for Home Assistant: translates commands to the gauge, and the gauge's state back. */
export class Light implements Service {
  readonly name = 'light';
  readonly #options: LightOptions;
  #lastBrightness: number | undefined;
  #published = '';
  #release: readonly (() => unknown)[] = [];

  constructor(options: LightOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { bus, node } = this.#options;
    const subscriptions = await Promise.all([
      bus.subscribe(topics.setLight(node), (message) => this.#onCommand(message)),
      bus.subscribe(topics.gauge(node), (message) => this.#onGauge(message)),
    ]);
    const unwatch = bus.onState(() => {
      this.#published = ''; // the broker may have lost it
    });
    this.#release = [...subscriptions, unwatch];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#release.map((release) => release()));
  }

  async #onCommand({ topic, payload }: Incoming): Promise<void> {
    const { bus, log, node } = this.#options;
    try {
      const value: unknown = JSON.parse(Buffer.from(payload).toString());
      const light = check(LightCommandSchema, value, { what: 'light command' });
      if (light.brightness !== undefined && light.brightness > 0) this.#lastBrightness = light.brightness;
      const command = toGaugeCommand(light, this.#lastBrightness);
      await bus.publish({ topic: topics.setGauge(node), payload: JSON.stringify(command) });
    } catch (err) {
      log.warn({ topic, err: messageOf(err) }, 'light command ignored');
    }
  }

  /** The bar moves far more often than the light changes. */
  async #onGauge({ payload }: Incoming): Promise<void> {
    const { bus, log, node } = this.#options;
    const gauge = decodeGaugeState(payload);
    if (gauge === undefined) return; // not ours
    const state = JSON.stringify(toLightState(gauge));
    if (state === this.#published) return;
    this.#published = state;
    await publishState(bus, log, {
      topic: topics.light(node),
      payload: state,
      contentType: 'application/json',
    });
  }
}
