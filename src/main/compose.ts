import { randomUUID } from 'node:crypto';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { MotionSensor } from '../../hardware/motion-sensor.ts';
import type { Bus } from '../bus/bus.ts';
import { Outbox } from '../bus/outbox/outbox.ts';
import type { Config, Role } from '../config/schema.ts';
import { HomeAssistant } from '../discovery/home-assistant.ts';
import { createInvoke } from '../functions/invoke.ts';
import type { NodeStatus, Version } from '../gateway/ports.ts';
import { Gateway } from '../gateway/server.ts';
import { Cluster } from '../gauge/cluster.ts';
import { Display } from '../gauge/display.ts';
import { Light } from '../gauge/light.ts';
import { LoadSampler } from '../gauge/load.ts';
import type { Service } from '../lifecycle/service.ts';
import { Climate } from '../sensing/climate.ts';
import { Motion } from '../sensing/motion.ts';
import { Reporter } from '../sensing/report.ts';
import { Sensors } from '../sensing/sensors.ts';
import { ThrottlingWatch } from '../sensing/throttling.ts';
import { SqliteStore } from '../store/store.sqlite.ts';
import type { Store } from '../store/store.ts';
import type { Clock } from '../support/clock.ts';
import type { Log } from '../support/log.ts';
import type { Metrics } from '../support/metrics.ts';
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

export interface AgentParts {
  readonly config: Config;
  readonly node: string;
  readonly version: Version;
  /** For the gateway, and for the embedded broker beyond loopback. */
  readonly password: string;
  /** Bundled worker thread of the store. */
  readonly storeWorkerFile: string;
  /** Folder of the functions and runtimes that ship. */
  readonly functionsDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly isReady: () => boolean;
}

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
  const showing = has(config, 'show') ? show(base, sensing, serving) : undefined;
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

interface Base extends AgentParts {
  readonly store: SqliteStore;
  readonly bus: Bus;
  readonly outbox: Outbox;
  readonly hardware: Hardware;
}

function has({ roles }: Config, role: Role): boolean {
  return roles.includes(role);
}

async function serve(base: Base) {
  const { config, node, clock, log, metrics, store, bus, outbox, isReady } = base;
  const newId = randomUUID;
  const scheduler = new CronScheduler({ clock, log });
  const functions = await chooseFunctions({ ...base, scheduler });
  const { catalogue, wake } = functions;
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
    () => new ScheduleTrigger({ ...triggers, store: scheduleStore, scheduler, acceptor }),
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

function sense(base: Base) {
  const { config, node, clock, log, metrics, bus, outbox, hardware } = base;
  const reporter = new Reporter({
    node,
    report: (event) => outbox.publish(event),
    clock,
    newId: randomUUID,
    log,
    metrics,
  });
  const sensors = new Sensors({ node, bus, log });
  const shared = { reporter, sensors, clock, log, metrics };
  const climate = new Climate({ ...shared, ...config.climate, thermometers: hardware.thermometers });
  const throttling = new ThrottlingWatch({ ...shared, throttling: hardware.throttling });
  const { gpio: bcm, sensor, ...pir } = config.motion;
  // The PIR got its power with the Pi: an agent that is merely restarted need not wait again.
  const warmUpMs = Math.max(0, pir.warmUpMs - uptime() * 1000);
  const motion = new Motion({
    ...shared,
    sensor,
    connect: (listener) => new MotionSensor({ ...pir, warmUpMs, gpio: hardware.gpio, bcm, clock }, listener),
  });
  const services: Service[] = [
    sensors,
    throttling,
    ...(config.climate.enabled ? [climate] : []),
    ...(config.motion.enabled ? [motion] : []),
  ];
  return { sensors, climate, throttling, services };
}

type Sensing = ReturnType<typeof sense>;
type Serving = Awaited<ReturnType<typeof serve>>;

function show(base: Base, sensing: Sensing | undefined, serving: Serving | undefined): Service[] {
  const { config, node, clock, log, metrics, bus, hardware } = base;
  const { gauge } = config;
  const cluster = new Cluster({ node, bus, clock, log, metrics, staleMs: gauge.staleMs });
  const sampler = new LoadSampler({
    ...gauge,
    node,
    bus,
    clock,
    log,
    procRoot: config.hardware.procRoot,
    readCelsius: () => sensing?.climate.celsiusOf('soc'),
    isThrottled: () => sensing?.throttling.isThrottled ?? false,
    countInFlight: () => (serving === undefined ? 0 : countInFlight(serving)),
    onSample: (load) => cluster.hear(load),
  });
  if (!gauge.enabled) return [cluster, sampler];
  const { nightFrom, nightTo } = gauge;
  const night =
    nightFrom === undefined || nightTo === undefined ? {} : { night: { from: nightFrom, to: nightTo } };
  const display = new Display({
    ...gauge,
    ...night,
    node,
    pixels: hardware.pixels,
    cluster,
    bus,
    clock,
    log,
    metrics,
  });
  return [cluster, sampler, display, new Light({ node, bus, log })];
}

function countInFlight({ catalogue }: Serving): number {
  const endpoints = catalogue.entries().flatMap(({ name }) => catalogue.endpoints(name));
  return endpoints.reduce((sum, { inFlight }) => sum + inFlight, 0);
}

function discover({ config, node, version, clock, log, bus }: Base, { sensors }: Sensing): Service {
  return new HomeAssistant({
    node,
    bus,
    clock,
    log,
    random: Math.random,
    prefix: config.homeAssistant.prefix,
    version: version.release,
    procRoot: config.hardware.procRoot,
    hasGauge: has(config, 'show') && config.gauge.enabled,
    expireAfterMs: 3 * config.climate.maxSilenceMs,
    sensors,
  });
}
