import { MemoryBus } from '../../src/bus/bus.memory.ts';
import type { FunctionRequest } from '../../src/functions/endpoint.ts';
import type { AsyncCall, GatewayOptions, SimulatedChange } from '../../src/gateway/ports.ts';
import type { DeadLetter } from '../../src/store/store.ts';
import { systemClock } from '../../src/support/clock.system.ts';
import { BrambleError } from '../../src/support/errors.ts';
import { silentLog } from '../../src/support/log.ts';
import { Metrics } from '../../src/support/metrics.ts';
import { FakeRuntime, statusOf } from './fake-runtime.ts';

export const authorization = `Basic ${Buffer.from('admin:secret').toString('base64')}`;

/** Options for a gateway on fakes with one function, `echo`, and what the fakes were asked. */
export function fakeParts() {
  const runtime = new FakeRuntime();
  runtime.functions.set('echo', statusOf({ service: 'echo', image: 'echo:1' }));
  const bus = new MemoryBus();
  const calls: { name: string; request: FunctionRequest }[] = [];
  const accepted: { name: string; call: AsyncCall }[] = [];
  const simulated: SimulatedChange[] = [];
  const letters = new Map<number, DeadLetter>([[7, deadLetter(7)]]);
  const options: GatewayOptions = {
    host: '127.0.0.1',
    port: 0,
    user: 'admin',
    password: 'secret',
    maxBodyBytes: 1024 * 1024,
    version: { release: '1.2.3', sha: 'abc' },
    runtime,
    invoke: async (name, request) => {
      calls.push({ name, request });
      if (!runtime.functions.has(name))
        throw new BrambleError('FUNCTION_NOT_FOUND', `no function ${name} is deployed`);
      return { status: 200, headers: { 'content-type': 'text/plain' }, body: Buffer.from('hello') };
    },
    acceptAsync: async (name, call) => {
      if (!runtime.functions.has(name))
        throw new BrambleError('FUNCTION_NOT_FOUND', `no function ${name} is deployed`);
      accepted.push({ name, call });
      return 'event-1';
    },
    deadLetters: {
      list: async ({ function: name }) =>
        [...letters.values()]
          .filter((letter) => name === undefined || letter.function === name)
          .map(({ event: { data, ...event }, ...letter }) => ({
            ...letter,
            event: { ...event, dataBytes: data.byteLength },
          })),
      get: async (id) => letters.get(id),
      replay: async ({ ids }) => {
        const found = ids.flatMap((id) => letters.get(id) ?? []);
        return { replayed: found.length, functions: [...new Set(found.map((letter) => letter.function))] };
      },
      purge: async (which) => {
        const ids = which !== 'all' && 'ids' in which ? which.ids : [...letters.keys()];
        return ids.filter((id) => letters.delete(id)).length;
      },
    },
    bus,
    status: async () => ({
      node: 'pi-01',
      roles: ['serve'],
      version: '1.2.3',
      startedAt: '2026-01-01T00:00:00Z',
      bus: { state: bus.state, url: 'mqtt://127.0.0.1:1883' },
      outbox: 0,
      queues: [{ function: 'echo', waiting: 2, dead: 1 }],
    }),
    readiness: () => ({ isReady: true }),
    metrics: new Metrics(),
    log: silentLog,
    clock: systemClock,
    simulate: (change) => void simulated.push(change),
  };
  return { options, runtime, bus, calls, accepted, simulated, letters };
}

export function deadLetter(id: number): DeadLetter {
  return {
    id,
    function: 'echo',
    attempts: 5,
    status: 500,
    reason: 'exit status 1',
    diedMs: Date.UTC(2026, 0, 2),
    event: {
      id: `event-${id}`,
      source: '/bramble/pi-01/motion/pir',
      type: 'motion.detected',
      time: '2026-01-01T00:00:00Z',
      topic: 'bramble/pi-01/motion/pir',
      contentType: 'application/json',
      hops: 0,
      data: Buffer.from('{"motion":true}'),
    },
  };
}
