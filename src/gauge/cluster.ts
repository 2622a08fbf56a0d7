import type { Bus, Incoming } from '../bus/bus.ts';
import { filters, nodeOf } from '../events/topics.ts';
import type { Service } from '../lifecycle/service.ts';
import type { Clock } from '../support/clock.ts';
import type { Log } from '../support/log.ts';
import type { Metrics } from '../support/metrics.ts';
import { decodeNodeLoad, type NodeLoad, strainOf } from './node-load.ts';

/** A node that is missing for so long is dropped from the picture: nobody is coming to repair it. */
const forgetMs = 24 * 3_600_000;
/** More names than this on the load topics is a fault, not a bramble. */
const maxNodes = 256;

/** A node as the gauge sees it. */
export interface NodeView {
  readonly node: string;
  /** `missing`: it was there and did not say goodbye. */
  readonly state: 'live' | 'missing';
  /** 0 to 1; a missing node's last. */
  readonly strain: number;
  readonly isThrottled: boolean;
}

export interface ClusterOptions {
  /** This node; its own load comes through `hear`, with or without a broker. */
  readonly node: string;
  readonly bus: Pick<Bus, 'subscribe'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly staleMs: number;
}

interface Entry {
  load: NodeLoad | undefined;
  /** When it last gave a sign of life, by our monotonic clock: the clocks of Pis differ after a power cut. */
  heardMs: number;
  /** Its last will was published. */
  hasGone: boolean;
}

/** Every node's load, merged from the load and status topics of all nodes. */
export class Cluster implements Service {
  readonly name = 'cluster';
  readonly #options: ClusterOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #ignored;
  #release: readonly (() => Promise<void>)[] = [];

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#ignored = options.metrics.counter(
      'bramble_load_messages_ignored_total',
      'Messages on load topics that were not a load',
    );
  }

  async start(): Promise<void> {
    const { bus } = this.#options;
    this.#release = await Promise.all([
      bus.subscribe(filters.everyLoad, (message) => this.#onLoad(message)),
      bus.subscribe(filters.everyStatus, (message) => this.#onStatus(message)),
    ]);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#release.map((release) => release()));
  }

  /** A load that this node measured itself. */
  hear(load: NodeLoad): void {
    this.#entries.set(load.node, { load, heardMs: this.#options.clock.monotonicMs(), hasGone: false });
  }

  /** The last load of every known node, for people: by name. */
  loads(): readonly NodeLoad[] {
    return [...this.#entries.values()].flatMap(({ load }) => load ?? []).sort(byName);
  }

  /** All nodes that should be there, by name. Forgets those that are missing for a day. */
  nodes(): readonly NodeView[] {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [node, { heardMs }] of this.#entries) {
      if (nowMs - heardMs >= forgetMs) this.#entries.delete(node);
    }
    return [...this.#entries.values()].flatMap((entry) => this.#view(entry, nowMs)).sort(byName);
  }

  #view({ load, heardMs, hasGone }: Entry, nowMs: number): NodeView[] {
    if (load === undefined) return [];
    const isMissing = hasGone || nowMs - heardMs >= this.#options.staleMs;
    return [
      {
        node: load.node,
        state: isMissing ? 'missing' : 'live',
        strain: strainOf(load),
        isThrottled: !isMissing && load.throttled,
      },
    ];
  }

  #onLoad({ topic, payload, retain }: Incoming): void {
    const node = nodeOf(topic);
    if (node === this.#options.node) return;
    if (payload.length === 0) {
      this.#entries.delete(node);
      return;
    }
    const load = decodeNodeLoad(payload);
    const entry = load?.node === node ? this.#entry(node) : undefined;
    if (entry === undefined) {
      this.#ignored.inc();
      this.#options.log.debug({ topic }, 'load message ignored');
      return;
    }
    entry.load = load;
    if (retain) return; // the broker's memory is no sign of life
    entry.heardMs = this.#options.clock.monotonicMs();
    entry.hasGone = false;
  }

  #onStatus({ topic, payload }: Incoming): void {
    const node = nodeOf(topic);
    if (node === this.#options.node) return;
    const entry = this.#entry(node);
    if (entry !== undefined) entry.hasGone = Buffer.from(payload).toString() === 'offline';
  }

  /** A node that is new to us has as long as any other to give a sign of life. */
  #entry(node: string): Entry | undefined {
    const known = this.#entries.get(node);
    if (known !== undefined || this.#entries.size >= maxNodes) return known;
    const entry: Entry = { load: undefined, heardMs: this.#options.clock.monotonicMs(), hasGone: false };
    this.#entries.set(node, entry);
    return entry;
  }
}

/**
 * One figure for the strain of a cluster, 0 to 1: the root mean square over its live nodes. Equal loads read as
 * themselves, and one node at its limit is not averaged away as a plain mean would. `undefined` without a live node.
 */
export function clusterStrain(nodes: readonly NodeView[]): number | undefined {
  const live = nodes.filter(({ state }) => state === 'live');
  if (live.length === 0) return undefined;
  return Math.sqrt(live.reduce((sum, { strain }) => sum + strain ** 2, 0) / live.length);
}

function byName(one: { readonly node: string }, other: { readonly node: string }): number {
  return one.node < other.node ? -1 : 1;
}
