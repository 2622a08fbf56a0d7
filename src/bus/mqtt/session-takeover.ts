import { filters, nodeOf } from '../../events/topics.ts';
import type { Service } from '../../lifecycle/service.ts';
import type { Clock } from '../../support/clock.ts';
import { type BrambleError, messageOf } from '../../support/errors.ts';
import { guard } from '../../support/guard.ts';
import type { Log } from '../../support/log.ts';
import type { Metrics } from '../../support/metrics.ts';
import type { Bus, BusState, Incoming } from '../bus.ts';
import { graceMs, type KnownNode, planTakeover } from './plan-takeover.ts';

const lookMs = 1_000;
/** A node that took its session back says that it is online only when it has read what the broker held for it. */
const returnMs = 30_000;
/** More names than this on the status topics is a fault, not a bramble. */
const maxNodes = 256;

/** Another client's session in our hands. */
export interface AdoptedSession {
  /** Resolves when it is no longer ours, to the reason. */
  readonly closed: Promise<BrambleError>;
  end(): Promise<void>;
}

export interface SessionTakeoverOptions {
  readonly bus: Pick<Bus, 'subscribe' | 'onState'> & { adopt(clientId: string): Promise<AdoptedSession> };
  readonly node: string;
  /** Under which the agent of a node connects. */
  readonly clientIdOf: (node: string) => string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * Takes what the broker holds for nodes that are gone, and what it goes on dealing to them: a member of the group that
 * is away keeps its share of the events. One node does it, connected in the name of the one that is gone; when that
 * comes back the broker gives it its session and hangs up on us, and we leave it alone then.
 */
export class SessionTakeover implements Service {
  readonly name = 'session takeover';
  readonly #options: SessionTakeoverOptions;
  readonly #nodes = new Map<string, KnownNode>();
  readonly #held = new Map<string, AdoptedSession>();
  readonly #gauge;
  #isOnline = false;
  #working: Promise<void> | undefined;
  #isStopped = false;
  #release: (() => void | Promise<void>)[] = [];

  constructor(options: SessionTakeoverOptions) {
    this.#options = options;
    this.#gauge = options.metrics.gauge(
      'bramble_sessions_taken_over',
      'Nodes that are gone and whose events this node takes',
    );
  }

  async start(): Promise<void> {
    const { bus, clock, log } = this.#options;
    this.#release = [await bus.subscribe(filters.everyStatus, (message) => this.#hear(message))];
    this.#release.push(
      bus.onState((state) => this.#onState(state)),
      clock.every(
        lookMs,
        guard(log, () => this.#look()),
      ),
    );
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const release of this.#release.splice(0)) await release();
    await this.#working;
    await Promise.all([...this.#held.values()].map((session) => session.end()));
  }

  #hear({ topic, payload }: Incoming): void {
    const node = nodeOf(topic);
    if (payload.length === 0) {
      this.#nodes.delete(node);
      return;
    }
    const isOnline = Buffer.from(payload).toString() === 'online';
    const before = this.#nodes.get(node);
    if (before?.isOnline === isOnline || (before === undefined && this.#nodes.size >= maxNodes)) return;
    this.#nodes.set(node, { isOnline, sinceMs: this.#options.clock.monotonicMs() });
  }

  /** Nobody tells us anything while we are offline: what we knew is to prove itself again. */
  #onState(state: BusState): void {
    this.#isOnline = state === 'online';
    if (!this.#isOnline) this.#nodes.clear();
  }

  async #look(): Promise<void> {
    if (this.#working !== undefined || this.#isStopped) return;
    this.#working = this.#act();
    await this.#working.finally(() => {
      this.#working = undefined;
    });
  }

  async #act(): Promise<void> {
    const { node, clock } = this.#options;
    const wanted = this.#isOnline ? planTakeover(this.#nodes, node, clock.monotonicMs()) : [];
    for (const [held, session] of this.#held)
      if (!wanted.includes(held)) {
        this.#held.delete(held);
        await session.end();
      }
    this.#gauge.set(this.#held.size);
    for (const gone of wanted) if (!this.#held.has(gone) && !this.#isStopped) await this.#take(gone);
  }

  async #take(gone: string): Promise<void> {
    const { bus, clientIdOf, log } = this.#options;
    try {
      const session = await bus.adopt(clientIdOf(gone));
      this.#held.set(gone, session);
      this.#gauge.set(this.#held.size);
      log.warn({ gone }, 'node is gone, its events are taken over');
      void session.closed.then((reason) => this.#lost(gone, session, reason));
    } catch (err) {
      log.warn({ gone, reason: messageOf(err) }, 'events of a node that is gone cannot be taken over yet');
      this.#wait(gone, graceMs);
    }
  }

  /** Whoever hung up on us may be the node itself, or a third one. Two that took it from each other would go on for ever. */
  #lost(gone: string, session: AdoptedSession, reason: BrambleError): void {
    if (this.#held.get(gone) !== session) return; // we let go of it ourselves
    this.#held.delete(gone);
    this.#gauge.set(this.#held.size);
    this.#wait(gone, returnMs);
    this.#options.log.info({ gone, reason: reason.message }, 'events of a node are its own again');
  }

  #wait(node: string, waitMs: number): void {
    const known = this.#nodes.get(node);
    const sinceMs = this.#options.clock.monotonicMs() + waitMs - graceMs;
    if (known !== undefined) this.#nodes.set(node, { ...known, sinceMs });
  }
}
