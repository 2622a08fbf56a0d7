/**
 * One node of a Swarm with everything that scales a function on it, over a real broker: what Docker has goes into the
 * catalogue, calls become demand, demand becomes replicas, idle ones are frozen, and a call wakes them.
 */
import { randomUUID } from 'node:crypto';
import { Autoscaler, type ScaledFunction } from '../../../src/control/autoscaler.ts';
import { DemandBoard } from '../../../src/control/demand-board.ts';
import { DemandPublisher } from '../../../src/control/demand-publisher.ts';
import { createFreezing } from '../../../src/control/freezing.ts';
import { PublishCatalogue } from '../../../src/control/publish-catalogue.ts';
import type { WantedFunction } from '../../../src/control/reconcile.ts';
import type { FunctionScaled } from '../../../src/events/event.ts';
import { CallCounter } from '../../../src/functions/call-counter.ts';
import { BusCatalogue } from '../../../src/functions/catalogue.bus.ts';
import { AwakeCatalogue } from '../../../src/functions/freezing/awake-catalogue.ts';
import { Freezer } from '../../../src/functions/freezing/freezer.ts';
import { FrozenTasks } from '../../../src/functions/freezing/frozen-tasks.ts';
import { CgroupFreezer } from '../../../src/functions/freezing/task-freezer.cgroup.ts';
import { Waker } from '../../../src/functions/freezing/waker.ts';
import { createInvoke, type Invoke } from '../../../src/functions/invoke.ts';
import { parseSettings } from '../../../src/functions/settings.ts';
import type { FunctionSpec } from '../../../src/functions/spec.ts';
import { Engine } from '../../../src/functions/swarm/engine.ts';
import { toStatus } from '../../../src/functions/swarm/function-status.ts';
import { probePort } from '../../../src/functions/swarm/port-probe.ts';
import { toServiceSpec } from '../../../src/functions/swarm/service-spec.ts';
import {
  type FunctionTask,
  TaskWatch,
  type WatchedFunction,
} from '../../../src/functions/swarm/task-watch.ts';
import type { Service } from '../../../src/lifecycle/service.ts';
import { MemoryStore } from '../../../src/store/store.memory.ts';
import { systemClock } from '../../../src/support/clock.system.ts';
import { silentLog } from '../../../src/support/log.ts';
import { Metrics } from '../../../src/support/metrics.ts';
import { newMqttBus, notAborted } from '../bus.ts';
import { startMosquitto } from '../mosquitto.ts';
import { openParts, type Undo } from '../undo.ts';
import { until } from '../wait.ts';
import { startDocker } from './docker.ts';
import { buildImages } from './images.ts';
import { openOverlayDoor } from './overlay-door.ts';

const network = 'functions';
const node = 'node-1';

export interface ScaledSwarm {
  readonly invoke: Invoke;
  readonly reported: readonly FunctionScaled[];
  /** Deploys the probe function; resolves when a replica can be called. */
  deploy(spec: Pick<FunctionSpec, 'service' | 'labels' | 'annotations' | 'envVars'>): Promise<void>;
  remove(name: string): Promise<void>;
  scale(name: string, replicas: number): Promise<void>;
  tasks(name: string): readonly FunctionTask[];
  /** Replicas that an agent would send requests to. */
  countReady(name: string): number;
  isFrozen(containerId: string): Promise<boolean>;
  stop(): Promise<void>;
}

export function openScaledSwarm(): Promise<ScaledSwarm> {
  return openParts(open);
}

async function open(undo: Undo, stop: () => Promise<void>): Promise<ScaledSwarm> {
  const docker = await startDocker({ name: node });
  undo.push(() => docker.stop());
  await docker.swarmInit();
  await docker.docker('network', 'create', '--driver', 'overlay', '--attachable', network);
  await buildImages(docker, ['probe']);
  const door = await openOverlayDoor(docker, network);
  undo.push(() => door.close());
  const broker = await startMosquitto();
  undo.push(() => broker.remove());
  const networkId = await docker.docker('network', 'inspect', '--format', '{{.Id}}', network);

  const shared = { clock: systemClock, log: silentLog, metrics: new Metrics(), node };
  const bus = newMqttBus({ url: broker.url });
  const engine = new Engine(docker.socketPath);
  const listeners = new Set<() => void>();
  const changed = () => {
    for (const listener of [...listeners]) listener();
  };
  const watch = new TaskWatch({ ...shared, engine, probe: probePort, onChange: changed });
  const watched = () => [...watch.functions.values()];
  const leader = { isLeader: () => true, onChange: () => () => {} };
  const source = {
    functions: async () => watched().map(toWanted),
    onChange: (listener: () => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const scale = async (name: string, replicas: number) => {
    const found = (await engine.services('com.openfaas.function')).find(({ Spec }) => Spec.Name === name);
    if (found !== undefined)
      await engine.updateService(found, { ...found.Spec, Mode: { Replicated: { Replicas: replicas } } });
    await watch.refresh();
  };

  const store = new MemoryStore();
  const placed = new BusCatalogue({ ...shared, bus, store, maxAnswerBytes: 1e6 });
  const frozen = new FrozenTasks(bus, silentLog);
  const catalogue = new AwakeCatalogue(placed, frozen);
  const tasks = new CgroupFreezer({ sysRoot: '/sys', clock: systemClock });
  const freezer = new Freezer({ ...shared, bus, tasks });
  const waker = new Waker({ ...shared, bus, thawHere: (name) => freezer.wake(name) });
  const wake = (name: string) => waker.wake(name);
  const counter = new CallCounter(createInvoke({ ...shared, catalogue, newId: randomUUID, wake }));
  const read = () =>
    new Map([...counter.counts()].map(([name, counts]) => [name, { ...counts, waiting: 0 }]));
  const board = new DemandBoard({ ...shared, bus });
  const reported: FunctionScaled[] = [];
  const autoscaler = new Autoscaler({
    ...shared,
    bus,
    leader,
    functions: () => watched().map((one) => toScaled(one, frozen)),
    demandOf: (name) => board.of(name),
    scale,
    freezing: createFreezing(bus),
    report: async (event) => {
      reported.push(event);
    },
    newId: randomUUID,
  });
  const publisher = new DemandPublisher({ ...shared, bus, read });
  const services: Service[] = [
    store,
    { name: 'watch', start: () => watch.start(), stop: () => watch.stop() },
    ...[placed, frozen, board, bus, new PublishCatalogue({ ...shared, bus, source, leader }), freezer],
    ...[publisher, autoscaler],
  ];
  for (const service of services) {
    await service.start(notAborted);
    undo.push(() => service.stop());
  }
  return {
    invoke: counter.invoke,
    reported,
    scale,
    stop,
    tasks: (name) => watch.functions.get(name)?.tasks ?? [],
    countReady: (name) => catalogue.endpoints(name).length,
    isFrozen: (containerId) => tasks.isFrozen(containerId),
    deploy: async (fields) => {
      const spec = { ...fields, image: 'bramble-test/probe' };
      const settings = parseSettings(spec);
      const parts = { settings, image: spec.image, imageId: undefined, secrets: [], networkId, replicas: 1 };
      await engine.createService(toServiceSpec(spec, parts), undefined);
      await watch.refresh();
      await until(`${spec.service} is ready`, () => catalogue.endpoints(spec.service).length === 1);
    },
    remove: async (name) => {
      await docker.docker('service', 'rm', name);
    },
  };
}

function toWanted({ service, tasks }: WatchedFunction): WantedFunction {
  const ready = tasks.filter(({ state }) => state === 'ready');
  const { name, replicas, availableReplicas: _, ...shown } = toStatus(service, ready.length);
  return {
    name,
    replicas,
    service: {
      ...shown,
      limits: shown.limits ?? null,
      requests: shown.requests ?? null,
      envVars: {},
      labels: { ...shown.labels },
      annotations: { ...shown.annotations },
      constraints: [...shown.constraints],
      secrets: [...shown.secrets],
    },
    endpoints: ready.map(({ id, address = '', containerId }) => ({
      id,
      node,
      address,
      containerId,
      state: 'ready',
    })),
  };
}

function toScaled({ service, tasks }: WatchedFunction, frozen: FrozenTasks): ScaledFunction {
  const { name, replicas, labels, annotations } = toStatus(service, 0);
  return {
    name,
    replicas,
    settings: parseSettings({ service: name, labels, annotations }),
    hasHealthCheck: false,
    tasks: tasks
      .filter(({ state }) => state === 'ready')
      .map(({ containerId }) => ({ node, function: name, containerId, isFrozen: frozen.has(containerId) })),
  };
}
