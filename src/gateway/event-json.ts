import type { Incoming } from '../bus/bus.ts';
import type { DeadLetter, ListedDeadLetter } from '../store/store.ts';

/** One message of the bus as the event tail shows it. */
export function messageToJson(message: Incoming, time: string): object {
  const { topic, retain, contentType, properties, payload } = message;
  return { topic, time, retain, contentType, properties, ...dataToJson(payload) };
}

/** A dead letter without its data, as lists show it. */
export function letterToJson({ diedMs, ...letter }: ListedDeadLetter): object {
  return { ...letter, diedAt: new Date(diedMs).toISOString() };
}

export function letterWithDataToJson({ event, ...facts }: DeadLetter): object {
  const { data, ...attributes } = event;
  return letterToJson({
    ...facts,
    event: { ...attributes, dataBytes: data.byteLength, ...dataToJson(data) },
  });
}

/** In the manner of CloudEvents' JSON format: `data` parsed or as text, and `data_base64` for what is not text. */
function dataToJson(bytes: Uint8Array): { data: unknown } | { data_base64: string } {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { data_base64: Buffer.from(bytes).toString('base64') };
  }
  try {
    return { data: JSON.parse(text) };
  } catch {
    return { data: text };
  }
}
