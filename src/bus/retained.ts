import { matches } from '../events/topics.ts';
import type { Incoming } from './bus.ts';

/** The last retained message of each topic. An empty payload removes it (MQTT 5, section 3.3.1.3). */
export class RetainedMessages {
  readonly #byTopic = new Map<string, Incoming>();

  store(message: Incoming): void {
    if (message.payload.length === 0) this.#byTopic.delete(message.topic);
    else this.#byTopic.set(message.topic, { ...message, retain: true });
  }

  matching(filter: string): readonly Incoming[] {
    return [...this.#byTopic.values()].filter(({ topic }) => matches(filter, topic));
  }

  has(topic: string): boolean {
    return this.#byTopic.has(topic);
  }

  get size(): number {
    return this.#byTopic.size;
  }
}
