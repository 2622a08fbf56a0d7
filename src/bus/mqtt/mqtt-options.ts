import type { IClientOptions } from 'mqtt';
import type { Clock } from '../../support/clock.ts';
import type { Log } from '../../support/log.ts';
import type { Incoming, Presence } from '../bus.ts';
import { presenceMessage } from '../message.ts';
import type { ProtocolLevel } from './mqtt-version.ts';

/** A dead peer is noticed, and our last will published, after one and a half of these (MQTT 5, section 3.1.2.10). */
const keepaliveSeconds = 12;
const connectTimeoutMs = 10_000;
/** So long a broker keeps subscriptions and messages for us while we are away: a node that is off for the weekend. */
const sessionExpirySeconds = 7 * 24 * 3600;
/** Messages at QoS 1 that an MQTT 5 broker may send us before we acknowledge the first. */
const receiveMaximum = 256;

export interface ConnectionOptions {
  readonly url: string;
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly ca: string | undefined;
  readonly level: ProtocolLevel;
  /** Does the broker remember us between connections? */
  readonly session: 'kept' | 'none';
  readonly presence: Presence | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** Called in order of arrival. `ids` names the subscriptions that the message is for, if the broker told. */
  readonly onMessage: (message: Incoming, ids: readonly number[] | undefined) => Promise<void>;
}

/** The same in the library's words. It is to make one connection, and keep nothing for another. */
export function clientOptions(options: ConnectionOptions): IClientOptions {
  const { clientId, username, password, ca, level, session, presence } = options;
  const will = presence && presenceMessage(presence, 'offline');
  return {
    clientId,
    clean: session === 'none',
    protocolVersion: level,
    keepalive: keepaliveSeconds,
    connectTimeout: connectTimeoutMs,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    writeCache: false, // a buffer for each of 65 536 numbers: 6 MB
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(ca === undefined ? {} : { ca }),
    ...(will && {
      will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1 as const, retain: true },
    }),
    ...(level === 5 && {
      properties: { receiveMaximum, sessionExpiryInterval: session === 'kept' ? sessionExpirySeconds : 0 },
    }),
  };
}
