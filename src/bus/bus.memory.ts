import { BrambleError } from '../support/errors.ts';
import type { Bus, BusState, Outgoing, Presence, SubscribeOptions } from './bus.ts';
import { StateCell } from './bus-state.ts';
import { checkFilter, checkTopic } from './check-topic.ts';
import { presenceMessage, received } from './message.ts';
import { RetainedMessages } from './retained.ts';
import { type Handler, run, Subscriptions } from './subscriptions.ts';

/**
 * Broker and client in one, within the process and without a socket. A publisher is acknowledged when the handlers
 * have resolved, and gets the rejection of one that has not. Online from `start` to `stop`, and while `setState` says so.
 */
export class MemoryBus implements Bus {
  readonly name = 'bus';
  /** Every message that was accepted, in order. */
  readonly published: Outgoing[] = [];
  readonly #presence: Presence | undefined;
  readonly #state = new StateCell();
  readonly #subscriptions = new Subscriptions();
  readonly #retained = new RetainedMessages();

  constructor(options: { presence?: Presence } = {}) {
    this.#presence = options.presence;
  }

  get state(): BusState {
    return this.#state.value;
  }

  async start(): Promise<void> {
    await this.setState('online');
  }

  async stop(): Promise<void> {
    await this.setState('offline');
  }

  /** Breaks or restores the connection to the broker, which says so in our name. */
  async setState(state: BusState): Promise<void> {
    if (state === this.#state.value) return;
    if (state === 'offline') {
      this.#state.set(state);
      if (this.#presence) await this.#accept(presenceMessage(this.#presence, 'offline'));
      return;
    }
    await this.#giveRetainedAgain();
    if (this.#presence) await this.#accept(presenceMessage(this.#presence, 'online'));
    this.#state.set(state);
  }

  async publish(message: Outgoing): Promise<void> {
    checkTopic(message.topic);
    if (this.#state.value === 'offline')
      throw new BrambleError('BUS_OFFLINE', `cannot publish to ${message.topic}: the bus is offline`);
    await this.#accept(message);
  }

  async subscribe(
    filter: string,
    handler: Handler,
    options: SubscribeOptions = {},
  ): Promise<() => Promise<void>> {
    checkFilter(filter);
    const { remove } = this.#subscriptions.add(filter, handler, options.group);
    if (options.group === undefined && this.#state.value === 'online')
      await Promise.allSettled(this.#retained.matching(filter).map((message) => run(handler, message)));
    return async () => {
      remove();
    };
  }

  onState(listener: (state: BusState) => void): () => void {
    return this.#state.listen(listener);
  }

  async #accept(message: Outgoing): Promise<void> {
    const incoming = received(message);
    this.published.push(message);
    if (message.retain) this.#retained.store(incoming);
    // Not before the next turn of the microtask queue: with a broker, too, `publish` returns before handlers run.
    await Promise.resolve();
    const handled = this.#subscriptions.dispatch(incoming);
    await (message.qos === 0 ? handled.catch(() => {}) : handled);
  }

  /** As an MQTT broker does when a client subscribes anew after a reconnect. */
  async #giveRetainedAgain(): Promise<void> {
    for (const message of this.#retained.matching('#'))
      await this.#subscriptions.dispatch(message).catch(() => {});
  }
}
