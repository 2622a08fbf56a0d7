import type { Bus } from '../bus/bus.ts';
import { publishState } from '../bus/publish-state.ts';
import { topics } from '../events/topics.ts';
import type { Service } from '../lifecycle/service.ts';
import type { Clock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import { encodeNodeLoad, isMeaningfulChange, type NodeLoad } from './node-load.ts';
import { cpuRatioBetween, loadUsage, type Usage } from './proc.ts';

export interface LoadSamplerOptions {
  readonly node: string;
  readonly bus: Pick<Bus, 'publish' | 'state' | 'onState'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly procRoot: string;
  readonly sampleMs: number;
  readonly publishMs: number;
  /** Others count this node as missing when it is silent for so long; it speaks three times as often. */
  readonly staleMs: number;
  readonly readCelsius: () => number | undefined;
  readonly isThrottled: () => boolean;
  readonly countInFlight: () => number;
  /** Told every sample, also those that are not published. */
  readonly onSample: (load: NodeLoad) => void;
}

/** Samples this node's load and publishes it, retained: when it changed noticeably, and as a sign of life. */
export class LoadSampler implements Service {
  readonly name = 'load';
  readonly #options: LoadSamplerOptions;
  #before: Usage | undefined;
  #published: { readonly load: NodeLoad; readonly atMs: number } | undefined;
  #sampling: Promise<void> | undefined;
  #release: readonly (() => void)[] = [];

  constructor(options: LoadSamplerOptions) {
    this.#options = options;
  }

  /** The first sample only sets the starting point, since processor load is a difference. */
  async start(): Promise<void> {
    const { bus, clock, procRoot, sampleMs } = this.#options;
    this.#before = await loadUsage(procRoot);
    this.#release = [
      clock.every(sampleMs, () => this.#sample()),
      bus.onState(() => {
        this.#published = undefined; // a new connection is told at once
      }),
    ];
  }

  /** An emptied topic says that the node left on purpose; after a crash the last load stays and others see it missing. */
  async stop(): Promise<void> {
    const { bus, log, node } = this.#options;
    for (const release of this.#release) release();
    await this.#sampling;
    await publishState(bus, log, { topic: topics.load(node), payload: '', qos: 1 });
  }

  /** Does nothing while the last sample is under way. */
  #sample(): void {
    this.#sampling ??= this.#sampleOnce()
      .catch((err) => this.#options.log.warn({ err: messageOf(err) }, 'load could not be sampled'))
      .finally(() => {
        this.#sampling = undefined;
      });
  }

  async #sampleOnce(): Promise<void> {
    const usage = await loadUsage(this.#options.procRoot);
    const load = this.#toLoad(usage);
    this.#before = usage;
    this.#options.onSample(load);
    await this.#publish(load);
  }

  #toLoad(usage: Usage): NodeLoad {
    const { node, clock, readCelsius, isThrottled, countInFlight } = this.#options;
    const celsius = readCelsius();
    return {
      node,
      time: new Date(clock.nowMs()).toISOString(),
      cpuRatio: (this.#before && cpuRatioBetween(this.#before.cpu, usage.cpu)) ?? 0,
      memoryRatio: usage.memoryRatio,
      ...(celsius === undefined ? {} : { celsius }),
      throttled: isThrottled(),
      inFlight: countInFlight(),
    };
  }

  async #publish(load: NodeLoad): Promise<void> {
    const { bus, clock, log, node } = this.#options;
    const nowMs = clock.monotonicMs();
    if (bus.state === 'offline' || !this.#isDue(load, nowMs)) return;
    this.#published = { load, atMs: nowMs };
    await publishState(bus, log, {
      topic: topics.load(node),
      payload: encodeNodeLoad(load),
      contentType: 'application/json',
      qos: 0,
    });
  }

  #isDue(load: NodeLoad, nowMs: number): boolean {
    const { publishMs, staleMs } = this.#options;
    if (this.#published === undefined) return true;
    const silentMs = nowMs - this.#published.atMs;
    if (silentMs >= staleMs / 3) return true;
    return silentMs >= publishMs && isMeaningfulChange(this.#published.load, load);
  }
}
