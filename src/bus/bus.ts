import type { Service } from '../lifecycle/service.ts';

export interface Outgoing {
  readonly topic: string;
  readonly payload: Uint8Array | string;
  /** 1 unless told: at least once. */
  readonly qos?: 0 | 1;
  readonly retain?: boolean;
  readonly contentType?: string;
  /** MQTT 5 user properties; left out on MQTT 3.1.1. */
  readonly properties?: Readonly<Record<string, string>>;
}

export interface Incoming {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** True for the stored message that a new subscription is given, false for a live one. */
  readonly retain: boolean;
  readonly contentType?: string | undefined;
  readonly properties: Readonly<Record<string, string>>;
}

export type BusState = 'online' | 'offline';

export interface SubscribeOptions {
  /**
   * Consumer group: each message goes to one member (`$share/<group>/<filter>`). On a broker without shared
   * subscriptions every member gets it. Retained messages are not sent to a group.
   */
  readonly group?: string;
}

/**
 * The MQTT bus. Messages of one publisher arrive in order. A message of QoS 1 is acknowledged to its sender only after
 * the promises of all handlers that match it have resolved; while one is pending, later ones are handled already (so
 * that writes can be grouped), and acknowledgements keep their order. A handler that rejects leaves its message
 * unacknowledged: the broker sends it again after a reconnect.
 */
export interface Bus extends Service {
  readonly state: BusState;
  /**
   * Resolves when the broker has acknowledged (QoS 1) or the bytes are handed over (QoS 0). Rejects with BUS_OFFLINE
   * at once when there is no connection, and when it breaks before the acknowledgement: nothing is kept in memory.
   */
  publish(message: Outgoing): Promise<void>;
  /**
   * Lasts over reconnects until the returned function is called. `start` need not have been called yet; resolves when
   * the broker has confirmed, or at once while there is no connection. Rejects with BUS_REFUSED if the broker says no.
   */
  subscribe(
    filter: string,
    handler: (message: Incoming) => void | Promise<void>,
    options?: SubscribeOptions,
  ): Promise<() => Promise<void>>;
  /** Called with each change, and once at registration. Returns the function that ends it. */
  onState(listener: (state: BusState) => void): () => void;
}

/** The message that the broker publishes for us when we vanish, and what we say ourselves when we come and go. */
export interface Presence {
  readonly topic: string;
  readonly online: string;
  readonly offline: string;
}
