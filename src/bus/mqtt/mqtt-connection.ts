import { Socket } from 'node:net';
import { connect, type MqttClient } from 'mqtt';
import { BrambleError, messageOf, systemCode } from '../../support/errors.ts';
import type { Outgoing } from '../bus.ts';
import { AckQueue } from './ack-queue.ts';
import { connectionError, goodbyeError, isVersionRefused, publishError } from './mqtt-errors.ts';
import { type ConnectionOptions, clientOptions } from './mqtt-options.ts';
import { type ReceivedPacket, subscriptionIds, toIncoming, toProperties } from './mqtt-packets.ts';
import type { ProtocolLevel } from './mqtt-version.ts';
import { SendWindow } from './send-window.ts';

/**
 * With so much being handled nothing more is read, not even what would make room: a last resort, for what has no window
 * of its own. Mosquitto 2.0.11 has none once it hands out what it had queued, whatever we ask for in CONNECT.
 */
const maxHandling = 20_000;
const maxHandlingBytes = 32 * 1024 * 1024;
/** Publishes on their way where the broker names no limit, and publishes waiting for their turn. */
const sendMaximum = 1000;
const maxWaitingToSend = 10_000;
/** A broker that answers none of our requests for so long is as good as gone. */
const answerTimeoutMs = 30_000;
/** After a handler has failed: time for others to end, and a pause before the broker sends the message again. */
const redeliveryDelayMs = 1_000;
const goodbyeMs = 500;

type Done = (err?: Error | null) => void;

/**
 * One network connection to a broker, from CONNECT to its end; a new one is made for the next. So nothing outlives a
 * connection: what it had not acknowledged is rejected, and no acknowledgement goes to another one.
 *
 * Several messages are handled at a time, which the library below does not do: it would read the next one when the
 * acknowledgement of the last is out. It is told that handling failed, which makes it skip the acknowledgement and read
 * on; `AckQueue` sends it in time.
 */
export class MqttConnection {
  readonly #options: ConnectionOptions;
  readonly #client: MqttClient;
  readonly #acks: AckQueue;
  readonly #unanswered = new Set<(reason: BrambleError) => void>();
  readonly #endings: (() => void)[] = [];
  #window = new SendWindow(sendMaximum, maxWaitingToSend);
  #answeredMs: number;
  #handling = 0;
  #handlingBytes = 0;
  #readOn: (() => void) | undefined;
  /** As the library said it; undefined while nothing is wrong, and when the broker just hung up. */
  #lastError: unknown;
  #hasFailed = false;
  #wasOpen = false;
  #hasEnded = false;
  /** Resolves when the connection has ended, or was never made, to the reason. */
  readonly closed: Promise<BrambleError>;
  readonly #opened: Promise<void>;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#answeredMs = options.clock.monotonicMs();
    const client = connect(options.url, clientOptions(options));
    this.#client = client;
    this.#acks = new AckQueue((bytes) => {
      if (client.stream.writable) client.stream.write(bytes);
    });
    client.handleMessage = (packet, next) => this.#receive(packet, next);
    this.#opened = new Promise((resolve) => client.once('connect', () => resolve()));
    this.closed = new Promise((resolve) => client.once('close', () => resolve(this.#end())));
    client.on('error', (err) => {
      this.#lastError ??= err;
      client.stream.destroy();
    });
    client.on('disconnect', ({ reasonCode }) => {
      this.#lastError ??= goodbyeError(reasonCode ?? 0);
    });
    // Without it each acknowledgement waits for the peer's delayed TCP ACK: 40 ms per hop.
    if (client.stream instanceof Socket) client.stream.setNoDelay(true);
  }

  /** Resolves when the broker has accepted us, else rejects with BUS_REFUSED or BUS_OFFLINE. */
  async open(): Promise<void> {
    const failed = await Promise.race([this.#opened, this.closed]);
    if (failed) throw failed;
    this.#wasOpen = true;
    const limit = this.#client.serverProperties?.receiveMaximum ?? sendMaximum;
    this.#window = new SendWindow(Math.min(limit, sendMaximum), maxWaitingToSend);
    this.#endings.push(this.#options.clock.every(answerTimeoutMs / 3, () => this.#checkAnswers()));
  }

  get isOpen(): boolean {
    return this.#client.connected && !this.#hasEnded;
  }

  get isVersionRefused(): boolean {
    return isVersionRefused(this.#lastError);
  }

  /** Did the broker hang up on our first packet without a word? */
  get wasHungUpOn(): boolean {
    return !this.#wasOpen && (this.#lastError === undefined || systemCode(this.#lastError) === 'ECONNRESET');
  }

  get level(): ProtocolLevel {
    return this.#options.level;
  }

  /** May this broker know shared subscriptions? */
  get mayShare(): boolean {
    return this.#client.serverProperties?.sharedSubscriptionAvailable !== false;
  }

  /** See `Bus.publish`. */
  async publish(message: Outgoing): Promise<void> {
    const { topic, payload, qos = 1, retain = false } = message;
    const bytes =
      typeof payload === 'string'
        ? Buffer.from(payload)
        : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    this.#checkSize(topic, bytes.length);
    const properties = this.level === 5 ? { properties: toProperties(message) } : {};
    const window = this.#window;
    if (qos === 1) await window.enter();
    try {
      await this.#ask((done) => this.#client.publish(topic, bytes, { qos, retain, ...properties }, done));
    } catch (err) {
      throw publishError(err, topic);
    } finally {
      if (qos === 1) window.leave();
    }
  }

  /** Subscribes at QoS 1. `id` comes back with the messages, from brokers that can. */
  async subscribe(filter: string, id: number): Promise<void> {
    const tellsIds =
      this.level === 5 && this.#client.serverProperties?.subscriptionIdentifiersAvailable !== false;
    const options = tellsIds
      ? { qos: 1 as const, properties: { subscriptionIdentifier: id } }
      : { qos: 1 as const };
    try {
      await this.#ask((done) => this.#client.subscribe(filter, options, done));
    } catch (err) {
      if (!isRefusal(err)) throw err;
      throw new BrambleError(
        'BUS_REFUSED',
        `the broker refuses a subscription to ${filter}: check its access list (${messageOf(err)})`,
        { cause: err },
      );
    }
  }

  async unsubscribe(filter: string): Promise<void> {
    await this.#ask((done) => this.#client.unsubscribe(filter, {}, done));
  }

  /** Says goodbye, so that the broker does not publish our last will. Resolves when the connection has ended. */
  async end(): Promise<void> {
    if (!this.isOpen) return this.break(leaving());
    this.#lastError = leaving();
    const cancel = this.#options.clock.after(goodbyeMs, () => this.#client.stream.destroy());
    this.#client.end(false);
    await this.closed;
    cancel();
  }

  /** Breaks the connection: the broker publishes our last will. */
  async break(reason: BrambleError): Promise<void> {
    if (!this.#hasEnded) this.#lastError ??= reason;
    this.#client.stream.destroy();
    await this.closed;
  }

  #receive(packet: ReceivedPacket, next: (err?: Error) => void): void {
    const bytes = packet.payload.length;
    this.#handling += 1;
    this.#handlingBytes += bytes;
    const done =
      packet.qos === 1 && packet.messageId !== undefined ? this.#acks.add(packet.messageId) : () => {};
    this.#options
      .onMessage(toIncoming(packet), subscriptionIds(packet))
      .then(done, (err: unknown) => this.#handlerFailed(err, packet))
      .finally(() => this.#handled(bytes));
    const proceed = () => (packet.qos === 1 ? next(acknowledgedLater) : next());
    if (this.#handling < maxHandling && this.#handlingBytes < maxHandlingBytes) proceed();
    else this.#readOn = proceed;
  }

  #handled(bytes: number): void {
    this.#handling -= 1;
    this.#handlingBytes -= bytes;
    const readOn = this.#readOn;
    this.#readOn = undefined;
    readOn?.();
  }

  #handlerFailed(err: unknown, { topic, qos }: ReceivedPacket): void {
    if (qos === 0) {
      this.#options.log.error({ err, topic }, 'handler failed, message is lost');
      return;
    }
    this.#options.log.error({ err, topic }, 'handler failed, broker will send the message again');
    if (this.#hasFailed || this.#hasEnded) return;
    this.#hasFailed = true;
    const reason = broken(`a handler failed on ${topic}: ${messageOf(err)}`);
    this.#endings.push(this.#options.clock.after(redeliveryDelayMs, () => void this.break(reason)));
  }

  /** Runs a request of the library; rejects as well when the connection ends first. */
  #ask(send: (done: Done) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) return reject(this.#translated());
      if (this.#unanswered.size === 0) this.#answeredMs = this.#options.clock.monotonicMs();
      this.#unanswered.add(reject);
      send((err) => {
        this.#unanswered.delete(reject);
        this.#answeredMs = this.#options.clock.monotonicMs();
        if (err) reject(err);
        else resolve();
      });
    });
  }

  #checkAnswers(): void {
    if (this.#unanswered.size === 0) return;
    const silentMs = this.#options.clock.monotonicMs() - this.#answeredMs;
    if (silentMs >= answerTimeoutMs)
      void this.break(broken(`the broker has not answered for ${Math.round(silentMs / 1000)} s`));
  }

  /** A broker would hang up on a message that is too large, and again each time it is repeated. */
  #checkSize(topic: string, payloadBytes: number): void {
    const limit = this.#client.serverProperties?.maximumPacketSize;
    if (limit !== undefined && payloadBytes + Buffer.byteLength(topic) + packetOverheadBytes > limit)
      throw new BrambleError(
        'BUS_REFUSED',
        `a message of ${payloadBytes} bytes to ${topic} is over the broker's limit of ${limit} bytes`,
      );
  }

  #end(): BrambleError {
    this.#hasEnded = true;
    const reason = this.#translated();
    for (const release of this.#endings) release();
    for (const reject of this.#unanswered) reject(reason);
    this.#unanswered.clear();
    this.#window.close(reason);
    return reason;
  }

  #translated(): BrambleError {
    const { url, clientId, username } = this.#options;
    return connectionError(this.#lastError ?? new Error('it hung up'), {
      broker: `the broker at ${new URL(url).host}`,
      clientId,
      username,
    });
  }
}

function broken(why: string): BrambleError {
  return new BrambleError('BUS_OFFLINE', `the connection to the broker was broken off: ${why}`);
}

function leaving(): BrambleError {
  return new BrambleError('BUS_OFFLINE', 'the bus is stopping');
}

/** Fixed header, topic length, packet identifier and the length of the properties; properties come on top. */
const packetOverheadBytes = 16;

const acknowledgedLater = new Error('acknowledged later');

/** Did a SUBACK say no, or did the connection end before it came? */
function isRefusal(err: unknown): boolean {
  return err instanceof Error && 'packet' in err && err.packet !== undefined;
}
