import type { Bus } from '../../bus/bus.ts';
import { topics } from '../../events/topics.ts';
import type { Clock } from '../../support/clock.ts';
import { messageOf } from '../../support/errors.ts';
import type { Log } from '../../support/log.ts';

/** A thousand callers wake a function once; one of them asks again, since a message may get lost. */
export const wakePeriodMs = 200;

export interface WakerOptions {
  readonly bus: Pick<Bus, 'publish'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Thaws what is frozen on this node, broker or not. */
  readonly thawHere: (functionName: string) => void;
}

/** Asks the cluster for a replica of a function that has none ready. */
export class Waker {
  readonly #options: WakerOptions;
  /** Functions asked for a moment ago. */
  readonly #resting = new Set<string>();

  constructor(options: WakerOptions) {
    this.#options = options;
  }

  /** May be called as often as one likes. Never rejects. */
  wake(functionName: string): void {
    const { clock, thawHere } = this.#options;
    if (this.#resting.has(functionName)) return;
    this.#resting.add(functionName);
    clock.after(wakePeriodMs, () => this.#resting.delete(functionName));
    thawHere(functionName);
    void this.#ask(functionName);
  }

  async #ask(functionName: string): Promise<void> {
    const { bus, log } = this.#options;
    try {
      await bus.publish({ topic: topics.wake(functionName), payload: '', qos: 0 });
    } catch (err) {
      log.debug({ fn: functionName, err: messageOf(err) }, 'wake could not be published');
    }
  }
}
