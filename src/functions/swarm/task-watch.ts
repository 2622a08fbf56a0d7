import type { Clock } from '../../support/clock.ts';
import { sleep } from '../../support/clock.ts';
import { messageOf } from '../../support/errors.ts';
import type { Log } from '../../support/log.ts';
import type { SwarmService, SwarmTask } from './docker-objects.ts';
import type { Engine } from './engine.ts';
import { isRunning, isUpToDate } from './function-status.ts';
import { Listening } from './listening.ts';
import type { Probe } from './port-probe.ts';
import { functionLabel } from './service-spec.ts';

/** The port that each OpenFaaS function serves HTTP on. */
const functionPort = 8080;
/** Docker tells nothing of tasks on other nodes, and its events are known to go silent: so we look. */
const restMs = 1_000;
/** While replicas come and go. */
const movingMs = 100;
/** What has not moved for so long is stuck, and is looked at as rarely as what rests. */
const patienceMs = 15_000;
/** Events come in bursts: one look for all of a burst. */
const burstMs = 20;
const reopenMs = 1_000;

/** A replica that should be running. */
export interface FunctionTask {
  readonly id: string;
  /** Name of its node; its id as long as the name is not known. */
  readonly node: string;
  /** `10.0.1.5:8080`; nothing until it has one. */
  readonly address: string | undefined;
  /** Empty until there is one. */
  readonly containerId: string;
  /** `ready` when it was seen to listen. */
  readonly state: 'starting' | 'ready';
  /** Made from what the service is now. */
  readonly isUpToDate: boolean;
}

export interface WatchedFunction {
  readonly service: SwarmService;
  readonly tasks: readonly FunctionTask[];
}

export interface TaskWatchOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly probe: Probe;
  /** Called after each change of what `functions` gives. */
  readonly onChange: () => void;
}

interface Seen {
  readonly services: readonly SwarmService[];
  readonly tasks: readonly SwarmTask[];
}

/** What functions there are in the Swarm and which of their replicas can be called; never older than a second. */
export class TaskWatch {
  readonly #options: TaskWatchOptions;
  readonly #listening: Listening;
  readonly #stop = new AbortController();
  #nodes = new Map<string, string>();
  #seen: Seen = { services: [], tasks: [] };
  #functions: ReadonlyMap<string, WatchedFunction> = new Map();
  #signature = '';
  #movedMs = 0;
  /** When Docker last answered; `undefined` while it does not. */
  #answeredMs: number | undefined;
  #hasFailed = false;
  #running: Promise<void> | undefined;
  #queued: Promise<void> | undefined;
  #cancelNext = () => {};
  #cancelBurst: (() => void) | undefined;
  #hearing: Promise<void> = Promise.resolve();

  constructor(options: TaskWatchOptions) {
    const { probe, clock, log } = options;
    this.#options = options;
    this.#listening = new Listening({ probe, clock, log, onChange: () => this.#publish() });
  }

  /** By name. */
  get functions(): ReadonlyMap<string, WatchedFunction> {
    return this.#functions;
  }

  /** A Docker that does not answer is asked again each second: the agent's other services need not wait for it. */
  async start(): Promise<void> {
    this.#hearing = this.#hear();
    await this.refresh().catch(() => {}); // logged there
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#cancelNext();
    this.#cancelBurst?.();
    this.#listening.follow([]);
    await Promise.all([this.#hearing, this.#running?.catch(() => {})]);
  }

  /** Asks Docker only when the last answer is older than this. Rejects as the Engine does. */
  async noOlderThan(ageMs: number): Promise<void> {
    const ageNowMs = this.#options.clock.monotonicMs() - (this.#answeredMs ?? Number.NEGATIVE_INFINITY);
    if (ageNowMs > ageMs) await this.refresh();
  }

  /** Resolves when what Docker said after this call is known; rejects as the Engine does. */
  refresh(): Promise<void> {
    if (this.#running === undefined) return this.#run();
    // What is under way may have asked before the caller's own change. When it fails, so would the next.
    this.#queued ??= this.#running
      .finally(() => {
        this.#queued = undefined;
      })
      .then(() => this.#run());
    return this.#queued;
  }

  #run(): Promise<void> {
    this.#running = this.#load().finally(() => {
      this.#running = undefined;
      this.#scheduleNext();
    });
    return this.#running;
  }

  async #load(): Promise<void> {
    const { engine, clock, log } = this.#options;
    try {
      const [services, tasks] = await Promise.all([
        engine.services(functionLabel),
        engine.runningTasks(functionLabel),
      ]);
      if (tasks.some(({ NodeID }) => NodeID && !this.#nodes.has(NodeID))) await this.#loadNodes();
      this.#seen = { services, tasks };
      this.#answeredMs = clock.monotonicMs();
    } catch (err) {
      this.#answeredMs = undefined;
      if (!this.#hasFailed) log.warn({ reason: messageOf(err) }, 'functions of the Swarm cannot be watched');
      this.#hasFailed = true;
      throw err;
    }
    if (this.#hasFailed) log.info({}, 'functions of the Swarm are watched again');
    this.#hasFailed = false;
    this.#publish();
  }

  async #loadNodes(): Promise<void> {
    const nodes = await this.#options.engine.nodes();
    this.#nodes = new Map(nodes.map(({ ID, Description }) => [ID, Description.Hostname]));
  }

  #publish(): void {
    if (this.#stop.signal.aborted) return;
    const { services, tasks } = this.#seen;
    const reachable = tasks.filter(isRunning).flatMap((task) => {
      const address = addressOf(task);
      return address === undefined ? [] : [{ id: task.ID, address }];
    });
    this.#listening.follow(reachable);
    const functions = services.map((service): [string, WatchedFunction] => [
      service.Spec.Name,
      {
        service,
        tasks: tasks
          .filter(({ ServiceID }) => ServiceID === service.ID)
          .map((task) => this.#toTask(task, service)),
      },
    ]);
    const signature = JSON.stringify(
      functions.map(([name, { service, tasks }]) => [name, service.Version, service.UpdateStatus, tasks]),
    );
    if (signature === this.#signature) return;
    this.#signature = signature;
    this.#movedMs = this.#options.clock.monotonicMs();
    this.#functions = new Map(functions);
    this.#options.onChange();
  }

  #toTask(task: SwarmTask, service: SwarmService): FunctionTask {
    const nodeId = task.NodeID ?? '';
    return {
      id: task.ID,
      node: this.#nodes.get(nodeId) ?? nodeId,
      address: addressOf(task),
      containerId: task.Status.ContainerStatus?.ContainerID ?? '',
      state: isRunning(task) && this.#listening.has(task.ID) ? 'ready' : 'starting',
      isUpToDate: isUpToDate(task, service),
    };
  }

  #scheduleNext(): void {
    this.#cancelNext();
    if (this.#stop.signal.aborted) return;
    const { clock } = this.#options;
    this.#cancelNext = clock.after(this.#isMoving() ? movingMs : restMs, () => {
      this.refresh().catch(() => {}); // logged there; the next look is scheduled
    });
  }

  #isMoving(): boolean {
    if (this.#hasFailed || this.#options.clock.monotonicMs() - this.#movedMs > patienceMs) return false;
    return [...this.#functions.values()].some(
      ({ service, tasks }) =>
        isUpdating(service) ||
        tasks.length !== service.Spec.Mode.Replicated.Replicas ||
        tasks.some((task) => task.state !== 'ready' || !task.isUpToDate),
    );
  }

  /** Hears events as long as the watch goes on; what they say is not read, they only make us look sooner. */
  async #hear(): Promise<void> {
    const { engine, clock } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        for await (const _ of await engine.events(signal)) this.#lookSoon();
      } catch {
        // Docker is gone, or was silent for too long: the looks go on, and tell in the log
      }
      await sleep(clock, reopenMs, signal).catch(() => {});
    }
  }

  #lookSoon(): void {
    this.#cancelBurst ??= this.#options.clock.after(burstMs, () => {
      this.#cancelBurst = undefined;
      this.refresh().catch(() => {}); // logged there
    });
  }
}

export function isUpdating({ UpdateStatus }: SwarmService): boolean {
  return UpdateStatus?.State === 'updating' || UpdateStatus?.State === 'rollback_started';
}

/** In the network that its function was deployed to, which its service names first. */
function addressOf({ NetworksAttachments, Spec }: SwarmTask): string | undefined {
  const attachments = NetworksAttachments ?? [];
  const target = Spec.Networks?.[0]?.Target;
  const found = attachments.find(({ Network }) => Network.ID === target) ?? attachments[0];
  const ip = found?.Addresses?.[0]?.split('/')[0];
  return ip === undefined ? undefined : `${ip}:${functionPort}`;
}
