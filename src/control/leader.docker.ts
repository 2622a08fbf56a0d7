import { withDeadline } from '../functions/call/deadline.ts';
import type { Service } from '../lifecycle/service.ts';
import type { Clock } from '../support/clock.ts';
import { BrambleError, messageOf } from '../support/errors.ts';
import { guard } from '../support/guard.ts';
import type { Log } from '../support/log.ts';
import type { Leader } from './leader.ts';

/** The leader of a Swarm changes within some 10 s of its end; asking more often finds out no sooner. */
const pollMs = 1_000;
/** While the Swarm elects, its API is silent for 20 s. Who cannot ask may have been deposed. */
const answerMs = 3_000;
/** Longer than between two slow answers. Who asked longer ago has slept, and may have been deposed meanwhile. */
const leaseMs = 2 * (pollMs + answerMs);

export interface DockerLeaderOptions {
  /** Asks this node's Docker. Rejects when it is no manager, has no leader, or does not answer. */
  readonly readManager: () => Promise<{ readonly isLeader: boolean }>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Is this node the leader of the Swarm's managers? In doubt it is not: two that act are worse than none for a while. */
export class DockerLeader implements Leader, Service {
  readonly name = 'leader';
  readonly #options: DockerLeaderOptions;
  readonly #listeners = new Set<() => void>();
  #isLeader = false;
  #askedMs = Number.NEGATIVE_INFINITY;
  #problem: BrambleError | undefined;
  #isAsking = false;
  #isStopped = false;
  #stopPolling = () => {};

  constructor(options: DockerLeaderOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { clock, log } = this.#options;
    await this.#poll();
    this.#stopPolling = clock.every(
      pollMs,
      guard(log, () => this.#poll()),
    );
  }

  async stop(): Promise<void> {
    this.#stopPolling();
    this.#become(false);
    this.#isStopped = true;
  }

  isLeader(): boolean {
    return this.#isLeader && !this.#hasSlept();
  }

  /** Why the Swarm cannot be managed through this node now: CONTROL_OFFLINE. */
  get problem(): BrambleError | undefined {
    return this.#problem;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #poll(): Promise<void> {
    if (this.#hasSlept()) this.#become(false);
    if (this.#isAsking) return;
    this.#isAsking = true;
    const askedMs = this.#options.clock.monotonicMs();
    try {
      const isLeader = await this.#ask();
      this.#askedMs = askedMs;
      this.#problem = undefined;
      this.#become(isLeader && !this.#hasSlept());
    } catch (err) {
      this.#problem = offline(err);
      if (this.#isLeader)
        this.#options.log.warn({ reason: messageOf(err) }, 'leadership cannot be confirmed');
      this.#become(false);
    } finally {
      this.#isAsking = false;
    }
  }

  #ask(): Promise<boolean> {
    const { readManager, clock } = this.#options;
    const late = () => new BrambleError('UNREACHABLE', `Docker did not answer within ${answerMs} ms`);
    const asked = readManager().then(({ isLeader }) => isLeader);
    return withDeadline(asked, { clock, limitMs: answerMs, late });
  }

  #hasSlept(): boolean {
    return this.#options.clock.monotonicMs() - this.#askedMs > leaseMs;
  }

  #become(isLeader: boolean): void {
    if (isLeader === this.#isLeader || this.#isStopped) return;
    this.#isLeader = isLeader;
    this.#options.log.info({ isLeader }, isLeader ? 'this node leads' : 'this node does not lead');
    for (const listener of [...this.#listeners]) listener();
  }
}

function offline(cause: unknown): BrambleError {
  return new BrambleError(
    'CONTROL_OFFLINE',
    `the Swarm cannot be managed through this node now: ${messageOf(cause)}. Nothing was begun`,
    { cause },
  );
}
