import type { MemoryBus } from '../../src/bus/bus.memory.ts';

/** Payloads published to a topic so far, as text, oldest first. */
export function publishedTo(bus: Pick<MemoryBus, 'published'>, topic: string): string[] {
  return bus.published
    .filter((message) => message.topic === topic)
    .map(({ payload }) => (typeof payload === 'string' ? payload : Buffer.from(payload).toString()));
}
