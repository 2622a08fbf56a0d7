import { type Clock, sleep } from '../../support/clock.ts';
import type { Log } from '../../support/log.ts';
import type { Probe } from './port-probe.ts';

/** Between two looks whether a replica listens, from the first to the later ones. */
const firstPauseMs = 25;
const longestPauseMs = 500;
/** A replica that cannot be reached from here for so long is believed: other nodes may well reach it. */
const faithMs = 5_000;

export interface ListeningOptions {
  readonly probe: Probe;
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: () => void;
}

/** Docker calls a task running when its process has started; a request can be served only when that listens. */
export class Listening {
  readonly #options: ListeningOptions;
  readonly #ready = new Set<string>();
  readonly #looking = new Map<string, AbortController>();

  constructor(options: ListeningOptions) {
    this.#options = options;
  }

  has(id: string): boolean {
    return this.#ready.has(id);
  }

  /** The tasks that run now: new ones are looked after, those that are missing are forgotten. */
  follow(tasks: readonly { readonly id: string; readonly address: string }[]): void {
    const ids = new Set(tasks.map(({ id }) => id));
    for (const id of this.#ready) if (!ids.has(id)) this.#ready.delete(id);
    for (const [id, look] of this.#looking) if (!ids.has(id)) look.abort();
    for (const { id, address } of tasks)
      if (!this.#ready.has(id) && !this.#looking.has(id)) void this.#look(id, address);
  }

  async #look(id: string, address: string): Promise<void> {
    const { clock } = this.#options;
    const look = new AbortController();
    this.#looking.set(id, look);
    const startedMs = clock.monotonicMs();
    let pauseMs = firstPauseMs;
    try {
      while (!(await this.#accepts(id, address, clock.monotonicMs() - startedMs))) {
        await sleep(clock, pauseMs, look.signal);
        pauseMs = Math.min(longestPauseMs, pauseMs * 1.5);
      }
      if (look.signal.aborted) return;
      this.#ready.add(id);
    } catch {
      return; // aborted: the task is gone
    } finally {
      this.#looking.delete(id);
    }
    this.#options.onChange();
  }

  async #accepts(id: string, address: string, forMs: number): Promise<boolean> {
    const result = await this.#options.probe(address);
    if (result !== 'unknown' || forMs < faithMs) return result === 'listening';
    this.#options.log.warn({ task: id, address }, 'replica cannot be reached from here, taken for ready');
    return true;
  }
}
