import { randomUUID } from 'node:crypto';
import { MqttBus } from '../bus/bus.mqtt.ts';
import { SessionTakeover } from '../bus/mqtt/session-takeover.ts';
import { Autoscaler, type ScaledFunction } from '../control/autoscaler.ts';
import { DemandBoard } from '../control/demand-board.ts';
import { DemandPublisher } from '../control/demand-publisher.ts';
import { createFreezing } from '../control/freezing.ts';
import { DockerLeader } from '../control/leader.docker.ts';
import { PublishCatalogue } from '../control/publish-catalogue.ts';
import { SharedSchedules } from '../control/shared-schedules.ts';
import { toWantedFunction } from '../control/wanted-function.ts';
import { WhileLeading } from '../control/while-leading.ts';
import { CallCounter } from '../functions/call-counter.ts';
import { BusCatalogue } from '../functions/catalogue.bus.ts';
import { AwakeCatalogue } from '../functions/freezing/awake-catalogue.ts';
import { Freezer } from '../functions/freezing/freezer.ts';
import { FrozenTasks } from '../functions/freezing/frozen-tasks.ts';
import { CgroupFreezer } from '../functions/freezing/task-freezer.cgroup.ts';
import { Waker } from '../functions/freezing/waker.ts';
import { SwarmRuntime } from '../functions/runtime.swarm.ts';
import { parseSettings } from '../functions/settings.ts';
import { toStatus } from '../functions/swarm/function-status.ts';
import type { WatchedFunction } from '../functions/swarm/task-watch.ts';
import { controlUrls } from '../gateway/control-urls.ts';
import type { Service } from '../lifecycle/service.ts';
import { messageOf } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import { clientIdOf } from './bus.ts';
import type { FunctionBase, FunctionParts } from './functions.ts';
import { toNodeName } from './node-name.ts';

/**
 * Functions as services of a Docker Swarm. Every node serves them from what managers tell over the bus; a node with the
 * role `control` is such a manager.
 */
export function swarmFunctions(base: FunctionBase): FunctionParts {
  const { config, node, store, bus, clock, log } = base;
  const frozen = new FrozenTasks(bus, log);
  const placed = new BusCatalogue({ ...base, maxAnswerBytes: config.functions.maxAnswerBytes });
  const catalogue = new AwakeCatalogue(placed, frozen);
  const freezer = new Freezer({
    ...base,
    tasks: new CgroupFreezer({ sysRoot: config.hardware.sysfsRoot, clock }),
    onState: (containerIds) => frozen.note(node, containerIds),
  });
  const waker = new Waker({ ...base, thawHere: (name) => freezer.wake(name) });
  const calls: { counter?: CallCounter } = {};
  const control = config.roles.includes('control') ? manage(base, frozen) : undefined;
  const isServing = config.roles.includes('serve');
  const takeover =
    isServing && bus instanceof MqttBus ? [new SessionTakeover({ ...base, bus, node, clientIdOf })] : [];
  return {
    catalogue,
    managing: control?.managing ?? {
      control: { urls: () => controlUrls(config.control.url), list: async () => placed.statuses() },
    },
    wake: (name) => waker.wake(name),
    around: (invoke) => {
      calls.counter = new CallCounter(invoke);
      return calls.counter.invoke;
    },
    schedules: control?.schedules ?? store,
    catchUp: async (name) => control?.schedules.catchUp(name),
    whileActing: (create) => control?.whileActing(create) ?? create(),
    beforeBus: [placed, frozen, ...(control?.beforeBus ?? []), ...takeover],
    afterBus: (waiting) => {
      const read = () =>
        new Map(
          catalogue.entries().map(({ name }) => {
            const counts = calls.counter?.counts().get(name) ?? { inFlight: 0, requests: 0 };
            return [name, { ...counts, waiting: waiting(name) }];
          }),
        );
      return [
        ...(isServing ? [freezer] : []),
        new DemandPublisher({ ...base, read }),
        ...(control?.afterBus ?? []),
      ];
    },
  };
}

/** What only a manager does: deploy, and, while it leads, tell, scale and keep the hours. */
function manage(base: FunctionBase, frozen: FrozenTasks) {
  const { config, bus, store, outbox, log } = base;
  const { network, maxAnswerBytes } = config.functions;
  const runtime = new SwarmRuntime({
    ...base,
    socketPath: config.control.dockerSocket,
    network,
    maxAnswerBytes,
    scheduleProblem: (schedule) => base.scheduler.problem(schedule),
  });
  const leader = new DockerLeader({ ...base, readManager: () => runtime.readManager() });
  const schedules = new SharedSchedules({ bus, store, log });
  const board = new DemandBoard(base);
  const publisher = new PublishCatalogue({
    ...base,
    leader,
    source: {
      functions: async () =>
        (await runtime.list()).map((status) => toWantedFunction(status, endpointsOf(runtime, status.name))),
      onChange: (listener) => runtime.onChange(listener),
    },
  });
  const autoscaler = new Autoscaler({
    ...base,
    // Without the broker nobody's demand is heard, and silence is not to be taken for quiet.
    leader: { isLeader: () => leader.isLeader() && bus.state === 'online' },
    functions: () => runtime.watched().flatMap((one) => toScaled(one, frozen, log)),
    demandOf: (name) => board.of(name),
    scale: (name, replicas) => runtime.scale(name, replicas),
    freezing: createFreezing(bus),
    report: (event) => outbox.publish(event),
    newId: randomUUID,
  });
  return {
    managing: { runtime, countCalls: () => board.calls(), offline: () => leader.problem },
    schedules,
    whileActing: (create: () => Service) => new WhileLeading({ leader, create, log }),
    beforeBus: [runtime, schedules, board],
    afterBus: [leader, publisher, autoscaler],
  };
}

function endpointsOf(runtime: SwarmRuntime, name: string) {
  return runtime
    .tasks(name)
    .flatMap(({ id, node, address, containerId, state }) =>
      state === 'ready' && address !== undefined
        ? [{ id, node: toNodeName(node), address, containerId, state: 'ready' as const }]
        : [],
    );
}

/** Nothing for a service whose settings nobody can use: it is left as it is. */
function toScaled({ service, tasks }: WatchedFunction, frozen: FrozenTasks, log: Log): ScaledFunction[] {
  const { name, replicas, envProcess, envVars, labels, annotations } = toStatus(service, 0);
  try {
    const settings = parseSettings({ service: name, envProcess, envVars, labels, annotations });
    const { Healthcheck } = service.Spec.TaskTemplate.ContainerSpec;
    return [
      {
        name,
        replicas,
        settings,
        hasHealthCheck: Healthcheck?.Test?.[0] !== 'NONE',
        tasks: tasks
          .filter(({ state }) => state === 'ready')
          .map(({ node, containerId }) => ({
            node: toNodeName(node),
            function: name,
            containerId,
            isFrozen: frozen.has(containerId),
          })),
      },
    ];
  } catch (err) {
    log.debug({ fn: name, err: messageOf(err) }, 'function is not scaled');
    return [];
  }
}
