import { toBrambleError } from '../../support/errors.ts';
import type { Log } from '../../support/log.ts';
import type { Route } from '../subscriptions.ts';
import type { MqttConnection } from './mqtt-connection.ts';

/** What an MQTT broker has of our subscriptions: shared ones for groups where it can, else plain ones. */
export class BrokerSubscriptions {
  readonly #askIfShared: (connection: MqttConnection) => Promise<boolean>;
  readonly #log: Log;
  /** Route → the filter that stands for it at the broker. */
  readonly #filterOf = new Map<number, string>();
  /** Filters that were given up, and the broker has not confirmed. */
  readonly #givenUp = new Set<string>();
  #isShared: Promise<boolean> | undefined;

  /** `askIfShared` is called once per connection, if there is a group at all. */
  constructor(askIfShared: (connection: MqttConnection) => Promise<boolean>, log: Log) {
    this.#askIfShared = askIfShared;
    this.#log = log;
  }

  /** Makes a new connection's subscriptions what they should be. What the broker refuses is logged. */
  async restore(connection: MqttConnection, routes: readonly Route[]): Promise<void> {
    this.#isShared = undefined;
    for (const filter of this.#givenUp) await connection.unsubscribe(filter);
    this.#givenUp.clear();
    await Promise.all(
      routes.map((route) => this.add(connection, route).catch((err) => logRefusal(err, this.#log))),
    );
  }

  /** Resolves when the broker has confirmed; rejects with BUS_REFUSED if it says no. */
  async add(connection: MqttConnection, route: Route): Promise<void> {
    const { id, filter, group } = route;
    if (group !== undefined && (await this.#sharesAt(connection))) {
      try {
        await this.#subscribe(connection, `$share/${group}/${filter}`, id);
        return;
      } catch (err) {
        logRefusal(err, this.#log);
      }
    }
    await this.#subscribe(connection, filter, id);
  }

  /** Without a connection, or when it breaks, it is done with the next one. */
  async remove(connection: MqttConnection | undefined, { id }: Route): Promise<void> {
    const filter = this.#filterOf.get(id);
    this.#filterOf.delete(id);
    if (filter === undefined || [...this.#filterOf.values()].includes(filter)) return;
    this.#givenUp.add(filter);
    await connection?.unsubscribe(filter).then(
      () => this.#givenUp.delete(filter),
      (err: unknown) => this.#log.debug({ err, filter }, 'subscription is given up with the next connection'),
    );
  }

  async #subscribe(connection: MqttConnection, filter: string, id: number): Promise<void> {
    // Noted before the broker confirms: it may be given up meanwhile.
    this.#filterOf.set(id, filter);
    await connection.subscribe(filter, id);
  }

  #sharesAt(connection: MqttConnection): Promise<boolean> {
    this.#isShared ??= this.#askIfShared(connection).then((isShared) => {
      if (!isShared)
        this.#log.warn({}, 'broker shares no subscriptions, every member of a group gets every message');
      return isShared;
    });
    return this.#isShared;
  }
}

/** A refusal is logged, and life goes on without; anything else is the connection's end and thrown on. */
export function logRefusal(err: unknown, log: Log): void {
  if (!isRefused(err)) throw err;
  log.error({ err }, 'broker refuses a request');
}

export function isRefused(err: unknown): boolean {
  return toBrambleError(err).code === 'BUS_REFUSED';
}
