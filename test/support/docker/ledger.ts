import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import type { MqttClient } from 'mqtt';
import { until } from '../wait.ts';

/** Here functions tell what they were called with, so that it can be counted outside of all that may fail. */
export interface Ledger {
  /** For the variable `TELL` of the probe function. */
  urlFor(page: string): string;
  /** How often each body was told. */
  page(name: string): ReadonlyMap<string, number>;
  close(): void;
}

/** `address` is how functions reach this machine. */
export async function openLedger(address: string): Promise<Ledger> {
  const pages = new Map<string, Map<string, number>>();
  const page = (name: string) => {
    const found = pages.get(name) ?? new Map<string, number>();
    pages.set(name, found);
    return found;
  };
  const server = createServer(async (request, response) => {
    try {
      const body = await text(request);
      const counts = page(request.url?.slice(1) ?? '');
      counts.set(body, (counts.get(body) ?? 0) + 1);
      response.end();
    } catch {
      response.destroy(); // the function was killed while it told
    }
  });
  await once(server.listen(0), 'listening');
  const bound = server.address();
  const port = typeof bound === 'object' ? bound?.port : undefined;
  return {
    urlFor: (name) => `http://${address}:${port}/${name}`,
    page,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Events with the numbers 0, 1, 2 … that somebody publishes, and what became of them. */
export interface NumberedLoad {
  /** Resolves when so many were handled. */
  handled(count: number, timeoutMs?: number): Promise<void>;
  /** Resolves when all were published and handled. */
  done(timeoutMs?: number): Promise<void>;
  /** Numbers of which nobody told. */
  missing(): number;
  /** Handlings beyond the first of each number. */
  duplicates(): number;
}

export interface NumberedLoadOptions {
  readonly topic: string;
  readonly amount: number;
  readonly ledger: Ledger;
  /** Page of the function that handles them. */
  readonly page: string;
}

/** On their way to the broker at once. */
const window = 100;
/** Handled by nobody yet: more would only wait, and be dealt out again with each fault. */
const mostAhead = 2_000;
/** Longer than a dead node keeps its share to itself, on a busy machine. */
const stuckMs = 120_000;
let loads = 0;

/** Publishes at QoS 1, as fast as they are handled. Each load has events of its own; one at a time for each page. */
export function startLoad(
  client: MqttClient,
  { topic, amount, ledger, page }: NumberedLoadOptions,
): NumberedLoad {
  loads += 1;
  const bodies = Array.from({ length: amount }, (_, number) => `load ${loads} number ${number}`);
  const counts = ledger.page(page);
  const before = counts.size;
  const rest = bodies.entries();
  const publish = async () => {
    for (const [number, body] of rest) {
      await until('there is room', () => number - (counts.size - before) < mostAhead, stuckMs);
      await client.publishAsync(topic, body, { qos: 1 });
    }
  };
  const publishing = Promise.all(Array.from({ length: window }, publish));
  publishing.catch(() => {}); // `done` tells
  const missing = () => bodies.reduce((count, body) => count + (counts.has(body) ? 0 : 1), 0);
  const handled = async (count: number, timeoutMs?: number) => {
    await until('they are handled', () => amount - missing() >= count, timeoutMs).catch((cause) => {
      throw new Error(`${missing()} of ${amount} were not handled, ${count} should have been`, { cause });
    });
  };
  return {
    handled,
    missing,
    duplicates: () => bodies.reduce((count, body) => count + Math.max(0, (counts.get(body) ?? 0) - 1), 0),
    done: async (timeoutMs) => {
      await publishing;
      await handled(amount, timeoutMs);
    },
  };
}
