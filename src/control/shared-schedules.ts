import { type Static, Type } from 'typebox';
import type { Bus, Incoming, Outgoing } from '../bus/bus.ts';
import { filters, functionOf, topics } from '../events/topics.ts';
import type { Service } from '../lifecycle/service.ts';
import type { Store } from '../store/store.ts';
import { toBrambleError } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import { findProblems } from '../support/schema.ts';

type Documents = Pick<Store, 'documents' | 'putDocument' | 'removeDocument'>;

/** What the leaders need of each other's schedules; the rest is for whom it is meant. */
const Position = Type.Object({ lastMs: Type.Number() }, { additionalProperties: true });
type Position = Static<typeof Position>;

export interface SharedSchedulesOptions {
  readonly bus: Pick<Bus, 'subscribe' | 'publish' | 'state' | 'onState'>;
  readonly store: Documents;
  readonly log: Log;
}

/**
 * Where each schedule stands, on this node's disk and retained on the bus, so that the next leader goes on where the
 * last one stopped. Of two positions the later one holds.
 */
export class SharedSchedules implements Service, Documents {
  readonly name = 'shared schedules';
  readonly #options: SharedSchedulesOptions;
  readonly #latest = new Map<string, Position>();
  /** Changed while there was no connection. */
  readonly #unsent = new Set<string>();
  #release: readonly (() => unknown)[] = [];

  constructor(options: SharedSchedulesOptions) {
    this.#options = options;
  }

  /** To be started before the bus: the retained positions come with the connection. */
  async start(): Promise<void> {
    const { bus } = this.#options;
    const unsubscribe = await bus.subscribe(filters.everySchedule, (message) => this.#hear(message));
    this.#release = [unsubscribe, bus.onState((state) => state === 'online' && this.#publishUnsent())];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#release.map((release) => release()));
  }

  async documents(kind: string) {
    const own = await this.#options.store.documents(kind);
    const merged = new Map<string, unknown>(own.map(({ key, value }) => [key, value]));
    for (const [key, latest] of this.#latest) {
      const known = merged.get(key);
      // The delivery that a position names is on the disk of the node that wrote it.
      if (!isPosition(known) || known.lastMs < latest.lastMs)
        merged.set(key, { ...latest, deliveryId: null });
    }
    return [...merged].map(([key, value]) => ({ key, value }));
  }

  async putDocument(kind: string, key: string, value: unknown): Promise<void> {
    await this.#options.store.putDocument(kind, key, value);
    if (!isPosition(value)) return;
    this.#latest.set(key, value);
    await this.#publish(key);
  }

  async removeDocument(kind: string, key: string): Promise<void> {
    await this.#options.store.removeDocument(kind, key);
    this.#latest.delete(key);
    await this.#publish(key);
  }

  /**
   * Resolves when the broker has taken a word of ours: what others told it before has been heard then, too. So a leader
   * that was deposed while it was cut off, or asleep, learns of it before it fires. Rejects BUS_OFFLINE when the connection
   * breaks; while there is none nobody can be heard, and schedules are to go on.
   */
  async catchUp(name: string): Promise<void> {
    const { bus } = this.#options;
    const latest = this.#latest.get(name);
    if (latest === undefined || bus.state === 'offline') return;
    await bus.publish(toMessage(name, latest));
  }

  /** Of two leaders in a row the late word of the earlier one does not count: it is corrected. */
  async #hear({ topic, payload }: Incoming): Promise<void> {
    const name = functionOf(topic);
    const value = parse(payload);
    const latest = this.#latest.get(name);
    if (payload.length === 0) this.#latest.delete(name);
    else if (!isPosition(value)) return;
    else if (latest === undefined || value.lastMs >= latest.lastMs) this.#latest.set(name, value);
    else await this.#publish(name);
  }

  async #publishUnsent(): Promise<void> {
    for (const name of [...this.#unsent]) await this.#publish(name);
  }

  /** Never rejects: what the broker did not take is published with the next connection. */
  async #publish(name: string): Promise<void> {
    const { bus, log } = this.#options;
    this.#unsent.delete(name);
    try {
      await bus.publish({ ...toMessage(name, this.#latest.get(name)), retain: true });
    } catch (err) {
      if (toBrambleError(err).code === 'BUS_OFFLINE') this.#unsent.add(name);
      else log.warn({ err, fn: name }, 'where a schedule stands could not be published');
    }
  }
}

function toMessage(name: string, position: Position | undefined): Outgoing {
  const payload = position === undefined ? '' : JSON.stringify(position);
  return { topic: topics.schedule(name), payload, contentType: 'application/json' };
}

function isPosition(value: unknown): value is Position {
  return findProblems(Position, value).length === 0;
}

function parse(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString());
  } catch {
    return undefined; // not ours
  }
}
