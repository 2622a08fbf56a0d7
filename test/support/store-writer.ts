// Accepts events into the store of a folder as fast as it can, and prints the id of each as soon as it is
// acknowledged. To be killed. Arguments: folder, round (part of the ids).
import { writeSync } from 'node:fs';
import { newSqliteStore } from './store.ts';
import { buildDelivery, buildEvent } from './store-values.ts';

const callers = 64;
const queue = { limit: 10_000_000, whenFull: 'reject' } as const;
const [folder = '', round = ''] = process.argv.slice(2);

const store = newSqliteStore(folder);
await store.start(new AbortController().signal);
let count = 0;
await Promise.all(
  Array.from({ length: callers }, async () => {
    for (;;) {
      count += 1;
      const id = `${round}:${count}`;
      const deliveries = [`a${round}`, `b${round}`].map((name) => buildDelivery({ function: name, queue }));
      await store.accept(buildEvent({ id }), deliveries, { nowMs: 0, dedupeMs: 1_000 });
      writeSync(1, `${id}\n`);
    }
  }),
);
