import type { Service } from '../lifecycle/service.ts';
import { guard } from '../support/guard.ts';
import type { Log } from '../support/log.ts';
import type { Leader } from './leader.ts';

export interface WhileLeadingOptions {
  readonly leader: Leader;
  /** Makes a fresh one for each time of leading. */
  readonly create: () => Service;
  readonly log: Log;
}

/** Runs a service for as long as this node leads; the changes of leader are followed one after the other. */
export class WhileLeading implements Service {
  readonly name = 'while leading';
  readonly #options: WhileLeadingOptions;
  #running: Service | undefined;
  #following: Promise<void> = Promise.resolve();
  #isStopped = false;
  #unwatch = () => {};

  constructor(options: WhileLeadingOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { leader, log } = this.#options;
    this.#unwatch = leader.onChange(guard(log, () => this.#follow(signal)));
    await this.#follow(signal);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unwatch();
    await this.#following.catch(() => {}); // whoever followed has told
    const service = this.#running;
    this.#running = undefined;
    await service?.stop();
  }

  #follow(signal: AbortSignal): Promise<void> {
    this.#following = this.#following.catch(() => {}).then(() => this.#settle(signal));
    return this.#following;
  }

  async #settle(signal: AbortSignal): Promise<void> {
    const { leader, create } = this.#options;
    const isWanted = leader.isLeader() && !this.#isStopped;
    if (isWanted && this.#running === undefined) {
      const service = create();
      await service.start(signal);
      this.#running = service;
    } else if (!isWanted && this.#running !== undefined) {
      const service = this.#running;
      this.#running = undefined;
      await service.stop();
    }
  }
}
