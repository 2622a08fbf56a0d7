import type { Bus, Incoming } from '../bus/bus.ts';
import { publishState } from '../bus/publish-state.ts';
import type { SensorDescription } from '../events/sensor.ts';
import { topics } from '../events/topics.ts';
import type { Service } from '../lifecycle/service.ts';
import type { Clock } from '../support/clock.ts';
import type { Log } from '../support/log.ts';
import { configTopic, renderEntities } from './entities.ts';
import { loadNodeInfo, type NodeInfo } from './node-info.ts';

/** When Home Assistant comes up, all nodes answer; spread over this time they do not answer at once. */
const birthSpreadMs = 3_000;

export interface HomeAssistantOptions {
  readonly node: string;
  readonly bus: Pick<Bus, 'publish' | 'subscribe' | 'onState' | 'state'>;
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
  /** First level of discovery topics. */
  readonly prefix: string;
  readonly version: string;
  readonly procRoot: string;
  readonly hasGauge: boolean;
  readonly expireAfterMs: number;
  /** Which sensors there are now, when that changes, and their statuses once more. */
  readonly sensors: {
    list(): readonly SensorDescription[];
    onChange(listener: () => void): () => void;
    publishAll(): void;
  };
}

/**
 * Tells Home Assistant what this node has: with every connection, when a sensor comes or is taken off the list, and
 * when Home Assistant starts. Events are not sent again for it: they are retained where they are states, and a
 * second copy would be handled by functions as news.
 */
export class HomeAssistant implements Service {
  readonly name = 'home-assistant';
  readonly #options: HomeAssistantOptions;
  #info: NodeInfo = {};
  /** Configuration by topic, as the broker has it. */
  #announced = new Map<string, string>();
  #cancelBirth = () => {};
  #release: readonly (() => unknown)[] = [];

  constructor(options: HomeAssistantOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { bus, prefix, procRoot, sensors } = this.#options;
    this.#info = await loadNodeInfo(procRoot);
    const unsubscribe = await bus.subscribe(`${prefix}/status`, (message) => this.#onBirth(message));
    this.#release = [
      unsubscribe,
      sensors.onChange(() => this.#announceChanges()),
      bus.onState((state) => {
        if (state === 'online') this.#announceAll();
      }),
    ];
  }

  async stop(): Promise<void> {
    this.#cancelBirth();
    await Promise.all(this.#release.map((release) => release()));
  }

  /** Its birth message is retained by some: then each connection brings it, and one announcement more does no harm. */
  #onBirth({ payload }: Incoming): void {
    const { clock, random } = this.#options;
    if (Buffer.from(payload).toString() !== 'online') return;
    this.#cancelBirth();
    this.#cancelBirth = clock.after(random() * birthSpreadMs, () => {
      this.#announceAll();
      this.#announcePresence();
    });
  }

  #announcePresence(): void {
    const { bus, log, node, sensors } = this.#options;
    void publishState(bus, log, { topic: topics.status(node), payload: 'online' });
    sensors.publishAll();
  }

  /** The broker may have lost all of it, and what is gone has been missed by whoever was away. */
  #announceAll(): void {
    this.#announced = new Map([...this.#announced.keys()].map((topic) => [topic, '']));
    this.#announceChanges();
  }

  /** Publishes what is new or different, and empties what is gone. Offline, it is left to the next connection. */
  #announceChanges(): void {
    if (this.#options.bus.state === 'offline') return;
    const wanted = this.#render();
    for (const topic of this.#announced.keys()) {
      if (!wanted.has(topic)) this.#publish(topic, '');
    }
    for (const [topic, config] of wanted) {
      if (this.#announced.get(topic) !== config) this.#publish(topic, config);
    }
    this.#announced = wanted;
  }

  #render(): Map<string, string> {
    const { node, version, sensors, hasGauge, expireAfterMs, prefix } = this.#options;
    const entities = renderEntities({
      node,
      version,
      info: this.#info,
      sensors: sensors.list(),
      hasGauge,
      expireAfterMs,
    });
    return new Map(entities.map((entity) => [configTopic(prefix, entity), JSON.stringify(entity.config)]));
  }

  #publish(topic: string, payload: string): void {
    void publishState(this.#options.bus, this.#options.log, { topic, payload });
  }
}
