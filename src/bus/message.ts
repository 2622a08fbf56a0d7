import type { BusState, Incoming, Outgoing, Presence } from './bus.ts';

/** What a subscriber on the same broker sees of a live message. */
export function received(message: Outgoing): Incoming {
  const { topic, payload, contentType, properties = {} } = message;
  return {
    topic,
    payload: typeof payload === 'string' ? Buffer.from(payload) : payload,
    retain: false,
    contentType,
    properties,
  };
}

export function presenceMessage(presence: Presence, state: BusState): Outgoing {
  return { topic: presence.topic, payload: presence[state], qos: 1, retain: true };
}
