import type { Bus } from '../bus/bus.ts';
import { publishState } from '../bus/publish-state.ts';
import type { SensorDescription } from '../events/sensor.ts';
import { topics } from '../events/topics.ts';
import type { Service } from '../lifecycle/service.ts';
import { guard } from '../support/guard.ts';
import type { Log } from '../support/log.ts';

export type SensorStatus = 'online' | 'offline';

export interface SensorsOptions {
  readonly node: string;
  readonly bus: Pick<Bus, 'publish' | 'onState' | 'state'>;
  readonly log: Log;
}

interface Entry {
  readonly description: SensorDescription;
  readonly status: SensorStatus;
}

/**
 * The sensors that this node has and whether they can be read. Each status is published retained when it changes, and
 * all of them again with every connection, since the broker may have lost them.
 */
export class Sensors implements Service {
  readonly name = 'sensors';
  readonly #options: SensorsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<() => void>();
  #unwatch = () => {};

  constructor(options: SensorsOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#unwatch = this.#options.bus.onState((state) => {
      if (state === 'online') this.publishAll();
    });
  }

  async stop(): Promise<void> {
    this.#unwatch();
  }

  list(): readonly SensorDescription[] {
    return [...this.#entries.values()].map(({ description }) => description);
  }

  statusOf({ kind, sensor }: Pick<SensorDescription, 'kind' | 'sensor'>): SensorStatus | undefined {
    return this.#entries.get(topicOf(this.#options.node, { kind, sensor }))?.status;
  }

  /** Adds a sensor or changes its status. Saying the same again does nothing. */
  set(description: SensorDescription, status: SensorStatus): void {
    const topic = topicOf(this.#options.node, description);
    const known = this.#entries.get(topic);
    if (known?.status === status) return;
    this.#entries.set(topic, { description, status });
    this.#publish(topic, status);
    if (known === undefined) this.#notify();
  }

  /** Takes a sensor off the list, and its status off the broker. */
  remove(description: SensorDescription): void {
    const topic = topicOf(this.#options.node, description);
    if (!this.#entries.delete(topic)) return;
    this.#publish(topic, '');
    this.#notify();
  }

  /** Called after a sensor came to the list or left it; a change of status is none. Returns what ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  publishAll(): void {
    for (const [topic, { status }] of this.#entries) this.#publish(topic, status);
  }

  #publish(topic: string, payload: string): void {
    void publishState(this.#options.bus, this.#options.log, { topic, payload });
  }

  #notify(): void {
    for (const listener of this.#listeners) guard(this.#options.log, listener)();
  }
}

function topicOf(node: string, { kind, sensor }: Pick<SensorDescription, 'kind' | 'sensor'>): string {
  return topics.sensorStatus(node, kind, sensor);
}
