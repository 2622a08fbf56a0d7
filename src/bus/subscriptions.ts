import { createHash } from 'node:crypto';
import { matches } from '../events/topics.ts';
import type { Incoming } from './bus.ts';

export type Handler = (message: Incoming) => void | Promise<void>;

/** All our handlers of one filter and group: one subscription at the broker. */
export interface Route {
  readonly filter: string;
  readonly group: string | undefined;
  /** The same in every run, because a broker keeps it with the session: an MQTT 5 Subscription Identifier. */
  readonly id: number;
}

interface LiveRoute extends Route {
  readonly handlers: Handler[];
  turn: number;
}

/** Who wants which messages in this process. */
export class Subscriptions {
  readonly #routes = new Map<number, LiveRoute>();

  /** `remove` answers whether that was the last handler of its route. */
  add(filter: string, handler: Handler, group?: string): { route: Route; remove: () => boolean } {
    const id = routeId(filter, group);
    const route = this.#routes.get(id) ?? { filter, group, id, handlers: [], turn: 0 };
    this.#routes.set(id, route);
    // A wrapper of its own, so that one function can be subscribed twice and removed once.
    const own: Handler = (message) => handler(message);
    route.handlers.push(own);
    const remove = () => {
      const index = route.handlers.indexOf(own);
      if (index === -1) return false;
      route.handlers.splice(index, 1);
      return route.handlers.length === 0 && this.#routes.delete(id);
    };
    return { route, remove };
  }

  get routes(): readonly Route[] {
    return [...this.#routes.values()];
  }

  /**
   * Starts, before it returns, every handler that the message is for: those of the routes `ids` when the broker told
   * them, else of all that match its topic; in a group one handler after the other takes a turn. Resolves when all
   * have; rejects with the first failure when all have ended.
   */
  dispatch(message: Incoming, ids?: readonly number[]): Promise<void> {
    return start(
      [...this.#routes.values()].filter((route) => isFor(route, message, ids)),
      message,
    );
  }

  /**
   * The same for a message that another member of our groups was to have. What it subscribed to for itself is left
   * aside, where the broker tells it apart. Its groups' filters may be others than ours by now, so the topic decides.
   */
  dispatchForGroups(message: Incoming, ids: readonly number[] = []): Promise<void> {
    const routes = [...this.#routes.values()];
    const plain = routes.filter(({ group }) => group === undefined).map(({ id }) => id);
    const isItsOwn = ids.length > 0 && ids.every((id) => plain.includes(id));
    const groups = routes.filter((route) => route.group !== undefined && isFor(route, message, undefined));
    return start(isItsOwn ? [] : groups, message);
  }
}

async function start(routes: readonly LiveRoute[], message: Incoming): Promise<void> {
  const running = routes.flatMap((route) => takeTurn(route).map((handler) => run(handler, message)));
  const [first] = running;
  if (running.length <= 1) return first; // nearly always
  const failed = (await Promise.allSettled(running)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

/** Calls a handler; a throw becomes a rejection. */
export async function run(handler: Handler, message: Incoming): Promise<void> {
  await handler(message);
}

function isFor(route: Route, message: Incoming, ids: readonly number[] | undefined): boolean {
  if (route.group !== undefined && message.retain) return false;
  return ids === undefined ? matches(route.filter, message.topic) : ids.includes(route.id);
}

function takeTurn(route: LiveRoute): readonly Handler[] {
  if (route.group === undefined) return [...route.handlers];
  const next = route.handlers[route.turn % route.handlers.length];
  route.turn += 1;
  return next === undefined ? [] : [next];
}

/** MQTT 5, section 3.8.2.1.2: an identifier is 1 to 268 435 455. */
function routeId(filter: string, group: string | undefined): number {
  const digest = createHash('sha256')
    .update(`${group ?? ''}\0${filter}`)
    .digest();
  return (digest.readUInt32BE(0) % 268_435_455) + 1;
}
