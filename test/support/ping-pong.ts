import { randomUUID } from 'node:crypto';
import type { Bus } from '../../src/bus/bus.ts';

type Client = Pick<Bus, 'publish' | 'subscribe'>;

/**
 * Median time in ms of a message's way from `caller` through `hop` and back, one at a time. Of several rounds the best:
 * another program may have the processor in one, but a delay in the path itself is in all of them.
 */
export async function bestMedianRoundTrip(caller: Client, hop: Client, rounds = 3): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds && best > 10; round += 1)
    best = Math.min(best, median(await roundTrips(caller, hop, 50)));
  return best;
}

async function roundTrips(caller: Client, hop: Client, count: number): Promise<number[]> {
  const root = `ping-${randomUUID()}`;
  let arrived = () => {};
  const ends = [
    await hop.subscribe(`${root}/ping`, ({ payload }) => hop.publish({ topic: `${root}/pong`, payload })),
    await caller.subscribe(`${root}/pong`, () => arrived()),
  ];
  const times: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const since = performance.now();
    const answer = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    await Promise.all([caller.publish({ topic: `${root}/ping`, payload: String(i) }), answer]);
    times.push(performance.now() - since);
  }
  for (const end of ends) await end();
  return times;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
