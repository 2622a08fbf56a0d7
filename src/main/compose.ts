import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Bus } from '../bus/bus.ts';
import { Outbox } from '../bus/outbox/outbox.ts';
import type { Catalogue } from '../functions/catalogue.ts';
import { createInvoke } from '../functions/invoke.ts';
import type { NodeStatus } from '../gateway/ports.ts';
import { Gateway } from '../gateway/server.ts';
import type { Service } from '../lifecycle/service.ts';
import { SqliteStore } from '../store/store.sqlite.ts';
import type { Store } from '../store/store.ts';
import { Acceptor } from '../triggers/acceptor.ts';
import { DeadLetters } from '../triggers/dead-letters.ts';
import { postCallback } from '../triggers/delivery/callback.undici.ts';
import { Dispatcher } from '../triggers/delivery/dispatcher.ts';
import { Endings } from '../triggers/endings.ts';
import { createMeasures } from '../triggers/measures.ts';
import { EventTrigger } from '../triggers/on-event.ts';
import { ScheduleTrigger } from '../triggers/schedule/on-schedule.ts';
import { CronScheduler } from '../triggers/schedule/scheduler.cron.ts';
import { UntilHandled } from '../triggers/until-handled.ts';
import { brokerUrl, chooseBus } from './bus.ts';
import { type FunctionBase, type FunctionParts, processFunctions } from './functions.ts';
import { chooseHardware, type Hardware } from './hardware.ts';
import { type AgentParts, type Base, has } from './parts.ts';
import { discover, sense, show } from './sense-and-show.ts';

export interface AgentServices {
  /** In the order of starting. */
  readonly services: readonly Service[];
  readonly bus: Bus;
  readonly hardware: Hardware;
  /** With the role `serve`. */
  readonly gateway: Gateway | undefined;
}

/** Chooses the adapters and lines the services up. Opens nothing. */
export async function compose(parts: AgentParts): Promise<AgentServices> {
  const { config, node, clock, log, metrics } = parts;
  const store = new SqliteStore({
    file: join(config.dataDir, 'bramble.db'),
    workerFile: parts.storeWorkerFile,
    log,
  });
  const credentials = { user: config.gateway.user, password: parts.password };
  const bus = await chooseBus(config.mqtt, { node, roles: config.roles, credentials, clock, log, metrics });
  const { receiptTimeoutMs, maxOutbox } = config.delivery;
  const outbox = new Outbox({ store, bus, node, clock, log, metrics, receiptTimeoutMs, maxOutbox });
  const hardware = chooseHardware(config, clock);
  const base: Base = { ...parts, store, bus, outbox, hardware };

  const isManager = has(config, 'control') && config.functions.runtime === 'swarm';
  const serving = has(config, 'serve') || isManager ? await serve(base) : undefined;
  const sensing = has(config, 'sense') ? sense(base) : undefined;
  const showing = has(config, 'show')
    ? show(base, sensing, () => countInFlight(serving?.catalogue))
    : undefined;
  const discovery = sensing !== undefined && config.homeAssistant.enabled ? [discover(base, sensing)] : [];
  return {
    bus,
    hardware,
    gateway: serving?.gateway,
    services: [
      store,
      // Handlers are registered before the broker is met: it may hold messages for us.
      ...(serving?.beforeBus ?? []),
      bus,
      outbox,
      ...(serving?.afterBus ?? []),
      ...(sensing?.services ?? []),
      ...(showing ?? []),
      ...discovery,
    ],
  };
}

async function serve(base: Base) {
  const { config, node, clock, log, metrics, store, bus, outbox, isReady } = base;
  const newId = randomUUID;
  const scheduler = new CronScheduler({ clock, log });
  const functions = await chooseFunctions({ ...base, scheduler });
  const { catalogue, wake, catchUp } = functions;
  const invoke = functions.around(
    createInvoke({ catalogue, metrics, node, clock, newId, ...(wake === undefined ? {} : { wake }) }),
  );
  const measures = createMeasures(metrics);
  const triggers = { node, store, catalogue, clock, newId, log, measures };
  const endings = new Endings(triggers);
  const dispatcher = new Dispatcher({
    ...triggers,
    invoke,
    post: postCallback,
    bus,
    endings,
    random: Math.random,
    onResult: (entry) => outbox.offer(entry),
  });
  const acceptor = new Acceptor({ ...triggers, queues: dispatcher, dedupeMs: config.delivery.dedupeMs });
  const deadLetters = new DeadLetters({
    ...triggers,
    queues: dispatcher,
    maxDeadLetters: config.delivery.maxDeadLetters,
  });
  const gateway = new Gateway({
    ...config.gateway,
    ...functions.managing,
    password: base.password,
    version: base.version,
    invoke,
    acceptAsync: (name, call) => acceptor.acceptAsync(name, call),
    deadLetters,
    bus,
    status: () => nodeStatus(base),
    readiness: () =>
      isReady() ? { isReady: true } : { isReady: false, reason: 'the agent is starting or stopping' },
    metrics,
    log,
    clock,
    simulate: base.hardware.simulation?.change,
  });
  const eventTrigger = new EventTrigger({
    ...triggers,
    bus,
    acceptor,
    untilHandled: new UntilHandled({ store, endings }),
  });
  const scheduleStore = joinStores(store, functions.schedules);
  const schedules = functions.whileActing(
    () => new ScheduleTrigger({ ...triggers, store: scheduleStore, catchUp, scheduler, acceptor }),
  );
  return {
    catalogue,
    gateway,
    beforeBus: [...functions.beforeBus, ...(has(config, 'serve') ? [eventTrigger] : [])],
    afterBus: [
      dispatcher,
      deadLetters,
      ...functions.afterBus((name) => dispatcher.waiting(name)),
      gateway,
      ...(has(config, 'control') ? [schedules] : []),
    ],
  };
}

async function chooseFunctions(base: FunctionBase): Promise<FunctionParts> {
  if (base.config.functions.runtime === 'process') return processFunctions(base);
  const { swarmFunctions } = await import('./functions.swarm.ts'); // Docker's client and all it needs
  return swarmFunctions(base);
}

/** Deliveries of schedules are on this node; where schedules stand may be known to others too. */
function joinStores(store: Pick<Store, 'waiting'>, schedules: FunctionParts['schedules']) {
  return {
    waiting: (...query: Parameters<Store['waiting']>) => store.waiting(...query),
    documents: (kind: string) => schedules.documents(kind),
    putDocument: (kind: string, key: string, value: unknown) => schedules.putDocument(kind, key, value),
    removeDocument: (kind: string, key: string) => schedules.removeDocument(kind, key),
  };
}

async function nodeStatus({ config, node, version, store, bus }: Base): Promise<NodeStatus> {
  return {
    node,
    roles: config.roles,
    version: version.release,
    startedAt: processStart,
    bus: { state: bus.state, url: brokerUrl(config.mqtt) },
    outbox: await store.countOutbox(),
    queues: await store.depths(),
  };
}

const processStart = new Date(performance.timeOrigin).toISOString();

function countInFlight(catalogue: Catalogue | undefined): number {
  const endpoints = catalogue?.entries().flatMap(({ name }) => catalogue.endpoints(name)) ?? [];
  return endpoints.reduce((sum, { inFlight }) => sum + inFlight, 0);
}
