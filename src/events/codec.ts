import { isUtf8 } from 'node:buffer';
import { Type } from 'typebox';
import { findProblems } from '../support/schema.ts';
import type { BrambleEvent, Envelope } from './event.ts';
import { filters, matches, topics } from './topics.ts';

/** The bus message of an event, as `Bus.publish` takes it. */
export interface EncodedEvent {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain: boolean;
  readonly contentType: string;
  /** CloudEvents attributes; MQTT 5 user properties. On MQTT 3.1.1 id, time, sequence and hops are in the payload too. */
  readonly properties: Readonly<Record<string, string>>;
}

export function encodeEvent(event: BrambleEvent): EncodedEvent {
  const { topic, retain } = placeOf(event);
  const { type, node, ...rest } = event;
  const fields = { ...stateOf(event), ...rest };
  return {
    topic,
    retain,
    payload: Buffer.from(JSON.stringify(fields)),
    contentType: 'application/json',
    properties: {
      specversion: '1.0',
      id: event.id,
      source: `/${topic}`,
      type,
      time: event.time,
      ...('sequence' in event ? { sequence: String(event.sequence) } : {}),
      ...('hops' in event ? { hops: String(event.hops) } : {}),
    },
  };
}

/** Kind (third level of the topic) of an event; also the name that sensors group by. */
export function kindOf(event: BrambleEvent): string {
  return event.type.slice(0, event.type.indexOf('.'));
}

function placeOf(event: BrambleEvent): { topic: string; retain: boolean } {
  switch (event.type) {
    case 'motion.detected':
    case 'motion.cleared':
    case 'temperature.measured':
    case 'humidity.measured':
    case 'pressure.measured':
    case 'throttling.changed':
      return { topic: topics.event(event.node, kindOf(event), event.sensor), retain: true };
    case 'function.finished':
    case 'function.failed':
      return { topic: topics.event(event.node, 'function', event.function), retain: false };
    case 'function.scaled':
      // Not beside the results: who listens for these wants no news of their replicas.
      return { topic: topics.event(event.node, 'scaling', event.function), retain: false };
    default:
      return event satisfies never;
  }
}

/** Fields that make the payload readable as a state by a template: `{"motion":true,…}`. */
function stateOf(event: BrambleEvent): Record<string, unknown> {
  switch (event.type) {
    case 'motion.detected':
    case 'motion.cleared':
      return { motion: event.type === 'motion.detected' };
    case 'function.finished':
    case 'function.failed':
      return { ok: event.type === 'function.finished' };
    default:
      return {};
  }
}

/**
 * The payload of an event of ours once more, for a broker that may have lost the state that it is. It carries a mark,
 * since nothing happened that a function should hear of; in the payload, for MQTT 3.1.1 has no properties.
 */
export function toRestoredState(payload: Uint8Array): Uint8Array {
  return Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(payload).toString()), restored: true }));
}

/** Is this message of ours no event but the state that an earlier one left? */
export function isRestoredState({ topic, payload }: Pick<ReceivedMessage, 'topic' | 'payload'>): boolean {
  // Parsing each message to find that out would cost more than all the rest of its way in.
  const mayBe = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).includes(restoredMark);
  return mayBe && matches(filters.everyEvent, topic) && payloadAttributes(payload).restored === true;
}

const restoredMark = '"restored":true';

/** A message as it came from the bus. */
export interface ReceivedMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly contentType?: string | undefined;
  readonly properties: Readonly<Record<string, string>>;
}

const attributes = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 256 }),
  time: Type.String({ format: 'date-time' }),
  hops: Type.Integer({ minimum: 0, maximum: 1000 }),
});

/**
 * Any message as an Envelope. A publisher that sends no attributes is served too: what is missing is taken from the
 * payload (our own events on MQTT 3.1.1), else made up. Never throws.
 */
export function toEnvelope(message: ReceivedMessage, fallback: { id: string; time: string }): Envelope {
  const { properties } = message;
  const isOurs = matches(filters.everyEvent, message.topic);
  const inPayload = isOurs && properties.id === undefined ? payloadAttributes(message.payload) : {};
  const id = valid('id', properties.id) ?? valid('id', inPayload.id) ?? fallback.id;
  const time = valid('time', properties.time) ?? valid('time', inPayload.time) ?? fallback.time;
  const hops = valid('hops', toNumber(properties.hops)) ?? valid('hops', inPayload.hops) ?? 0;
  return {
    id: String(id),
    time: String(time),
    hops: Number(hops),
    source: properties.source ?? (isOurs ? `/${message.topic}` : message.topic),
    type: properties.type ?? (isOurs ? typeOfTopic(message.topic, inPayload) : 'mqtt.message'),
    topic: message.topic,
    contentType: message.contentType ?? guessContentType(message.payload),
    data: message.payload,
  };
}

function valid(key: keyof typeof attributes.properties, value: unknown): unknown {
  if (value === undefined) return undefined;
  return findProblems(attributes.properties[key], value).length === 0 ? value : undefined;
}

function toNumber(text: string | undefined): number | undefined {
  return text === undefined || text === '' ? undefined : Number(text);
}

function payloadAttributes(payload: Uint8Array): Record<string, unknown> {
  if (!looksLikeJson(payload)) return {};
  try {
    const value: unknown = JSON.parse(Buffer.from(payload).toString());
    return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {};
  } catch {
    return {}; // not JSON after all: a foreign payload on one of our topics
  }
}

function typeOfTopic(topic: string, payload: Record<string, unknown>): string {
  const kind = topic.split('/')[2] ?? '';
  switch (kind) {
    case 'motion':
      return payload.motion === false ? 'motion.cleared' : 'motion.detected';
    case 'throttling':
      return 'throttling.changed';
    case 'function':
      return payload.ok === false ? 'function.failed' : 'function.finished';
    case 'scaling':
      return 'function.scaled';
    default:
      return `${kind}.measured`;
  }
}

/** Of a publisher that says nothing: `mosquitto_pub -m hello` shall reach a function as text. */
function guessContentType(payload: Uint8Array): string {
  if (looksLikeJson(payload)) return 'application/json';
  return isUtf8(payload) ? 'text/plain; charset=utf-8' : 'application/octet-stream';
}

function looksLikeJson(payload: Uint8Array): boolean {
  const first = payload[0];
  return first === 0x7b || first === 0x5b;
}
