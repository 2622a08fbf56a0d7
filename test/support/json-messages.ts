import type { MqttClient } from 'mqtt';
import { matches } from '../../src/events/topics.ts';

type Json = Readonly<Record<string, unknown>>;

/** The JSON objects that a client has heard since it subscribed, oldest first. */
export class JsonMessages {
  readonly #heard: { readonly topic: string; readonly json: Json }[] = [];

  static async of(client: MqttClient, filters: readonly string[]): Promise<JsonMessages> {
    const messages = new JsonMessages();
    client.on('message', (topic, payload) => {
      messages.#heard.push({ topic, json: JSON.parse(payload.toString()) });
    });
    await client.subscribeAsync([...filters], { qos: 1 });
    return messages;
  }

  on(filter: string): Json[] {
    return this.#heard.filter(({ topic }) => matches(filter, topic)).map(({ json }) => json);
  }
}
