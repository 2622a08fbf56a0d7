import { MemoryBus } from '../../src/bus/bus.memory.ts';
import type { Catalogue, CatalogueEntry } from '../../src/functions/catalogue.ts';
import type { FunctionRequest, FunctionResponse } from '../../src/functions/endpoint.ts';
import type { Invoke } from '../../src/functions/invoke.ts';
import type { DeliverySettings, FunctionSettings, ScheduleSettings } from '../../src/functions/settings.ts';
import { parseSettings } from '../../src/functions/settings.ts';
import { MemoryStore } from '../../src/store/store.memory.ts';
import type { OutboxEntry, Store } from '../../src/store/store.ts';
import { ManualClock } from '../../src/support/clock.manual.ts';
import { BrambleError } from '../../src/support/errors.ts';
import { silentLog } from '../../src/support/log.ts';
import { Metrics } from '../../src/support/metrics.ts';
import { Acceptor } from '../../src/triggers/acceptor.ts';
import type { CallbackRequest } from '../../src/triggers/delivery/callback.ts';
import { Dispatcher } from '../../src/triggers/delivery/dispatcher.ts';
import { Endings } from '../../src/triggers/endings.ts';
import { createMeasures, type Measures } from '../../src/triggers/measures.ts';
import { UntilHandled } from '../../src/triggers/until-handled.ts';

export const notAborted = new AbortController().signal;

export interface EntryFields {
  readonly topics?: readonly string[];
  readonly schedule?: Partial<ScheduleSettings>;
  readonly delivery?: Partial<DeliverySettings>;
  readonly execTimeoutMs?: number;
}

/** A function in the catalogue; name only the settings that matter. */
export function buildEntry(name: string, fields: EntryFields = {}): CatalogueEntry {
  const settings: FunctionSettings = {
    triggers: {
      topics: fields.topics ?? [],
      schedule:
        fields.schedule === undefined
          ? null
          : { expression: '* * * * *', timeZone: 'UTC', overlap: 'skip', missed: 'once', ...fields.schedule },
    },
    delivery: buildDeliverySettings(fields.delivery),
    process: {
      mode: 'fork',
      command: ['cat'],
      lang: null,
      handler: null,
      execTimeoutMs: fields.execTimeoutMs ?? 30_000,
      readTimeoutMs: 30_000,
      writeTimeoutMs: 30_000,
      maxInflight: 0,
      contentType: null,
      readyPath: null,
    },
    scale: parseSettings({ service: name }).scale,
  };
  return { name, settings, replicas: 1 };
}

export function buildDeliverySettings(fields: Partial<DeliverySettings> = {}): DeliverySettings {
  return {
    concurrency: 1,
    orderKey: 'none',
    attempts: 5,
    retryCodes: [408, 425, 429, 500, 502, 503, 504],
    minWaitMs: 1_000,
    maxWaitMs: 60_000,
    ttlMs: 86_400_000,
    queueLimit: 10_000,
    queueWhenFull: 'reject',
    acknowledge: 'stored',
    publish: [],
    ...fields,
  };
}

/** A catalogue that tests fill. */
export class FakeCatalogue implements Catalogue {
  readonly #listeners = new Set<() => void>();
  #entries: readonly CatalogueEntry[];

  constructor(...entries: CatalogueEntry[]) {
    this.#entries = entries;
  }

  set(...entries: CatalogueEntry[]): void {
    this.#entries = entries;
    for (const listener of this.#listeners) listener();
  }

  entries(): readonly CatalogueEntry[] {
    return this.#entries;
  }

  find(name: string): CatalogueEntry | undefined {
    return this.#entries.find((entry) => entry.name === name);
  }

  endpoints(): readonly [] {
    return [];
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export type FakeFunction = (
  request: FunctionRequest,
  options: { readonly signal: AbortSignal },
) => Promise<FunctionResponse> | FunctionResponse;

export interface Call {
  readonly name: string;
  readonly eventId: string;
  readonly request: FunctionRequest;
}

/** Functions that are callbacks of a test; each call is noted when it begins. */
export class FakeFunctions {
  readonly calls: Call[] = [];
  readonly #functions = new Map<string, FakeFunction>();

  define(name: string, run: FakeFunction): void {
    this.#functions.set(name, run);
  }

  readonly invoke: Invoke = async (name, request, options) => {
    const run = this.#functions.get(name);
    if (run === undefined) throw new BrambleError('FUNCTION_NOT_FOUND', `no function ${name}`);
    this.calls.push({ name, eventId: String(request.headers['ce-id'] ?? ''), request });
    return run(request, options);
  };

  /** Ids of the events that a function was given, in order. */
  eventsOf(name: string): string[] {
    return this.calls.filter((call) => call.name === name).map(({ eventId }) => eventId);
  }
}

export function answer(
  status: number,
  body = '',
  headers: Readonly<Record<string, string>> = { 'content-type': 'text/plain' },
): FunctionResponse {
  return { status, headers, body: Buffer.from(body) };
}

/** A function that answers when the test says so. */
export function heldFunction(): { run: FakeFunction; release: () => void } {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  return {
    release,
    run: async () => {
      await held;
      return answer(200);
    },
  };
}

export interface Rig {
  readonly store: Store;
  readonly clock: ManualClock;
  readonly catalogue: FakeCatalogue;
  readonly functions: FakeFunctions;
  readonly measures: Measures;
  readonly acceptor: Acceptor;
  readonly dispatcher: Dispatcher;
  readonly posts: CallbackRequest[];
  readonly bus: MemoryBus;
  readonly untilHandled: UntilHandled;
  /** Result events in the outbox, decoded. */
  results(): Promise<Record<string, unknown>[]>;
  waiting(functionName: string): Promise<number>;
}

export interface RigFields {
  readonly store?: Store;
  readonly clock?: ManualClock;
  readonly functions?: FakeFunctions;
  readonly post?: (request: CallbackRequest) => Promise<number>;
}

let ids = 0;
export const newTestId = () => {
  ids += 1;
  return `id-${ids}`;
};

/** Queues over a memory store, started. The same store in a second rig is a restart. */
export async function startRig(entries: readonly CatalogueEntry[], fields: RigFields = {}): Promise<Rig> {
  const store = fields.store ?? (await openMemoryStore());
  const clock = fields.clock ?? new ManualClock();
  const functions = fields.functions ?? new FakeFunctions();
  const catalogue = new FakeCatalogue(...entries);
  const measures = createMeasures(new Metrics());
  const posts: CallbackRequest[] = [];
  const bus = new MemoryBus();
  await bus.start();
  const post = async (request: CallbackRequest) => {
    posts.push(request);
    return fields.post === undefined ? 200 : fields.post(request);
  };
  const shared = { store, catalogue, clock, newId: newTestId, log: silentLog, measures };
  const endings = new Endings(shared);
  const dispatcher = new Dispatcher({
    ...shared,
    node: 'pi-01',
    invoke: functions.invoke,
    post,
    bus,
    endings,
    random: () => 0.5,
    onResult() {},
  });
  const acceptor = new Acceptor({ ...shared, queues: dispatcher, dedupeMs: 600_000 });
  await dispatcher.start();
  return {
    store,
    clock,
    catalogue,
    functions,
    measures,
    acceptor,
    dispatcher,
    posts,
    bus,
    untilHandled: new UntilHandled({ store, endings }),
    results: async () => (await store.outbox({ limit: 1_000 })).map(toResult),
    waiting: async (name) => (await store.waiting(name, { afterId: 0, limit: 100_000 })).length,
  };
}

export async function openMemoryStore(): Promise<MemoryStore> {
  const store = new MemoryStore();
  await store.start(notAborted);
  return store;
}

function toResult({ payload, properties }: OutboxEntry): Record<string, unknown> {
  return { type: properties.type, ...JSON.parse(Buffer.from(payload).toString()) };
}
