import type { Incoming, Outgoing } from '../bus.ts';

/** A PUBLISH as the library hands it over. */
export interface ReceivedPacket {
  readonly topic: string;
  readonly payload: Buffer | string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly messageId?: number;
  readonly properties?: {
    readonly contentType?: string;
    readonly userProperties?: { readonly [name: string]: string | string[] };
    readonly subscriptionIdentifier?: number | number[];
  };
}

/** The MQTT 5 properties of a message. */
export function toProperties({ contentType, properties }: Outgoing) {
  return {
    ...(contentType === undefined ? {} : { contentType }),
    ...(properties === undefined ? {} : { userProperties: { ...properties } }),
  };
}

export function toIncoming({ topic, payload, retain, properties }: ReceivedPacket): Incoming {
  return {
    topic,
    payload: typeof payload === 'string' ? Buffer.from(payload) : payload,
    retain,
    contentType: properties?.contentType,
    properties: toRecord(properties?.userProperties),
  };
}

/** A name may come several times in MQTT 5; we take the first. */
function toRecord(
  userProperties: { readonly [name: string]: string | string[] } = {},
): Record<string, string> {
  const record: Record<string, string> = {};
  for (const [name, value] of Object.entries(userProperties)) {
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) record[name] = first;
  }
  return record;
}

/** Subscription Identifiers: the subscriptions that a message is for. Undefined if the broker did not tell. */
export function subscriptionIds({ properties }: ReceivedPacket): readonly number[] | undefined {
  const ids = properties?.subscriptionIdentifier;
  return typeof ids === 'number' ? [ids] : ids;
}
