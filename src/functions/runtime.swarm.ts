import type { Clock } from '../support/clock.ts';
import { BrambleError, toBrambleError } from '../support/errors.ts';
import { guard } from '../support/guard.ts';
import type { Log } from '../support/log.ts';
import type { Metrics } from '../support/metrics.ts';
import { check } from '../support/schema.ts';
import { checkSchedule, type ScheduleProblem } from './check-schedule.ts';
import type { Endpoint } from './endpoint.ts';
import { OneAtATime } from './process/one-at-a-time.ts';
import type { FunctionRuntime, LogLine, LogQuery } from './runtime.ts';
import { type FunctionSettings, parseSettings } from './settings.ts';
import { FunctionSpec, type FunctionStatus } from './spec.ts';
import type { ServiceSpec, SwarmSecret, SwarmService } from './swarm/docker-objects.ts';
import { Engine, type RegistryLogin } from './swarm/engine.ts';
import { findNetwork } from './swarm/find-network.ts';
import { findProblem, isUndone, toStatus } from './swarm/function-status.ts';
import { findImage, loginFor } from './swarm/image.ts';
import { type Probe, probePort } from './swarm/port-probe.ts';
import { RolloutReport } from './swarm/rollout-report.ts';
import { readServiceLogs } from './swarm/service-logs.ts';
import { functionLabel, toServiceSpec } from './swarm/service-spec.ts';
import { SwarmEndpoints } from './swarm/swarm-endpoints.ts';
import { renewReferences, SwarmSecrets } from './swarm/swarm-secrets.ts';
import { type FunctionTask, isUpdating, TaskWatch, type WatchedFunction } from './swarm/task-watch.ts';

/** A list so old is as good as a new one: it spares Docker a question for each caller. */
const freshMs = 250;
/** Two managers may change a service at once; the second reads it again. */
const changeAttempts = 3;

export interface SwarmRuntimeOptions {
  /** Docker's, of a manager. */
  readonly socketPath: string;
  /** Overlay network of functions that name none; unless told, the one labelled `openfaas=true`. */
  readonly network?: string | undefined;
  /** Registry host (`docker.io` for Docker Hub) → login, for functions that bring none. */
  readonly registryLogins?: Readonly<Record<string, RegistryLogin>>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly maxAnswerBytes: number;
  readonly scheduleProblem: ScheduleProblem;
  readonly probe?: Probe;
}

/** Runs functions as services of a Docker Swarm. Touches no service without the label of a function. */
export class SwarmRuntime implements FunctionRuntime {
  readonly name = 'runtime';
  readonly kind = 'swarm';
  readonly secrets: SwarmSecrets;
  readonly #options: SwarmRuntimeOptions;
  readonly #engine: Engine;
  readonly #watch: TaskWatch;
  readonly #endpoints: SwarmEndpoints;
  readonly #rollouts: RolloutReport;
  readonly #changes = new OneAtATime();
  readonly #listeners = new Set<() => void>();

  constructor(options: SwarmRuntimeOptions) {
    const { socketPath, clock, log, metrics, probe = probePort } = options;
    this.#options = options;
    this.#engine = new Engine(socketPath);
    this.#endpoints = new SwarmEndpoints(options);
    this.secrets = new SwarmSecrets({
      engine: this.#engine,
      renew: (usedIds, fresh) => this.#renewSecret(usedIds, fresh),
    });
    const onEnd = guard(log, () => this.secrets.sweep());
    this.#rollouts = new RolloutReport({ engine: this.#engine, log, metrics, onEnd });
    this.#watch = new TaskWatch({
      engine: this.#engine,
      clock,
      log,
      probe,
      onChange: () => this.#changed(),
    });
  }

  async start(): Promise<void> {
    await this.#watch.start();
  }

  async stop(): Promise<void> {
    await this.#watch.stop();
    await this.#endpoints.close();
  }

  deploy(given: FunctionSpec): Promise<void> {
    return this.#changes.run(given.service, async () => {
      const { spec, settings } = this.#checked(given);
      if ((await this.#find(spec.service)) !== undefined) throw exists(spec.service);
      const service = await this.#toService(spec, settings, settings.scale.min);
      await this.#engine.createService(service, this.#loginOf(spec)).catch((err: unknown) => {
        throw toBrambleError(err).code === 'CONFLICT' ? nameTaken(spec.service, err) : err;
      });
      await this.#see();
    });
  }

  update(given: FunctionSpec): Promise<void> {
    return this.#changes.run(given.service, async () => {
      const { spec, settings } = this.#checked(given);
      const { min, max } = settings.scale;
      const before = await this.#require(spec.service);
      const fresh = await this.#toService(spec, settings, before.Spec.Mode.Replicated.Replicas);
      const replicas = ({ Spec }: SwarmService) =>
        Math.min(max, Math.max(min, Spec.Mode.Replicated.Replicas));
      await this.#change(
        spec.service,
        (service) => ({ ...fresh, Mode: { Replicated: { Replicas: replicas(service) } } }),
        this.#loginOf(spec),
      );
    });
  }

  remove(name: string): Promise<void> {
    return this.#changes.run(name, async () => {
      await this.#engine.removeService(await this.#require(name));
      await this.#see();
    });
  }

  scale(name: string, replicas: number): Promise<void> {
    return this.#changes.run(name, async () => {
      const service = await this.#require(name);
      const { max } = settingsOf(service).scale;
      if (!Number.isInteger(replicas) || replicas < 0 || replicas > max)
        throw new BrambleError(
          'INVALID',
          `function "${name}" can have 0 to ${max} replicas, not ${replicas}; the label com.openfaas.scale.max sets the limit`,
        );
      if (service.Spec.Mode.Replicated.Replicas === replicas) return;
      // Docker goes back to what a service was before its last change: that must stay what it was before the update.
      if (isUpdating(service))
        throw new BrambleError(
          'CONFLICT',
          `function "${name}" is being updated; scale it when that is through`,
        );
      await this.#change(name, ({ Spec }) => ({ ...Spec, Mode: { Replicated: { Replicas: replicas } } }));
    });
  }

  async list(): Promise<readonly FunctionStatus[]> {
    await this.#watch.noOlderThan(freshMs);
    return [...this.#watch.functions.values()]
      .map((one) => toStatus(one.service, availableOf(one)))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async describe(name: string): Promise<FunctionStatus | undefined> {
    await this.#watch.noOlderThan(freshMs);
    const found = this.#watch.functions.get(name);
    if (found === undefined) return undefined;
    const { service } = found;
    const status = toStatus(service, availableOf(found));
    const isWell = status.availableReplicas >= status.replicas && !isUndone(service);
    if (isWell) return status;
    const problem = findProblem(service, await this.#engine.tasksOf(service.ID));
    return problem === undefined ? status : { ...status, problem };
  }

  endpoints(name: string): readonly Endpoint[] {
    return this.#endpoints.of(name);
  }

  /** Replicas that should be running, ready or not, for those who tell other nodes of them. */
  tasks(name: string): readonly FunctionTask[] {
    return this.#watch.functions.get(name)?.tasks ?? [];
  }

  /** All functions with their replicas, as they were seen last. */
  watched(): readonly WatchedFunction[] {
    return [...this.#watch.functions.values()];
  }

  /** Rejects on a node that is no manager, or has no leader now. */
  async readManager(): Promise<{ readonly isLeader: boolean }> {
    return { isLeader: await this.#engine.isLeader() };
  }

  async *logs(name: string, query: LogQuery): AsyncGenerator<LogLine> {
    const { clock } = this.#options;
    const askedMs = clock.nowMs();
    const { ID: id } = await this.#require(name);
    yield* readServiceLogs({ engine: this.#engine, clock, askedMs, id, name }, query);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #checked(given: FunctionSpec): { spec: FunctionSpec; settings: FunctionSettings } {
    const spec = check(FunctionSpec, given, { what: `function ${given.service}` });
    const settings = parseSettings(spec);
    checkSchedule(spec.service, settings, this.#options.scheduleProblem);
    return { spec, settings };
  }

  async #toService(spec: FunctionSpec, settings: FunctionSettings, replicas: number): Promise<ServiceSpec> {
    const [found, secrets, networkId] = await Promise.all([
      findImage(this.#engine, spec.image, this.#loginOf(spec)),
      this.secrets.references(spec.secrets ?? []),
      findNetwork(this.#engine, spec.network ?? this.#options.network),
    ]);
    return toServiceSpec(spec, { ...found, settings, secrets, networkId, replicas });
  }

  #loginOf(spec: FunctionSpec): RegistryLogin | undefined {
    return loginFor(spec, this.#options.registryLogins ?? {});
  }

  /** Reads the service, changes it and writes it, again when somebody else wrote meanwhile. */
  async #change(
    name: string,
    change: (service: SwarmService) => ServiceSpec,
    login?: RegistryLogin,
  ): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const service = await this.#require(name);
      try {
        await this.#engine.updateService(service, change(service), login);
        break;
      } catch (err) {
        if (toBrambleError(err).code !== 'CONFLICT' || attempt >= changeAttempts) throw err;
      }
    }
    await this.#see();
  }

  /** What was done is done: that it cannot be looked at now is told in the log. */
  async #see(): Promise<void> {
    await this.#watch.refresh().catch(() => {});
  }

  async #renewSecret(usedIds: ReadonlySet<string>, fresh: SwarmSecret): Promise<void> {
    for (const { Spec } of await this.#engine.services(functionLabel))
      await this.#changes.run(Spec.Name, () => this.#renewSecretOf(Spec.Name, usedIds, fresh));
  }

  async #renewSecretOf(name: string, usedIds: ReadonlySet<string>, fresh: SwarmSecret): Promise<void> {
    const service = await this.#find(name);
    if (service === undefined || renewReferences(service, usedIds, fresh) === undefined) return;
    await this.#change(name, (now) => {
      const { TaskTemplate } = now.Spec;
      const Secrets = renewReferences(now, usedIds, fresh) ?? TaskTemplate.ContainerSpec.Secrets ?? [];
      const ContainerSpec = { ...TaskTemplate.ContainerSpec, Secrets };
      return { ...now.Spec, TaskTemplate: { ...TaskTemplate, ContainerSpec } };
    });
  }

  async #find(name: string): Promise<SwarmService | undefined> {
    return (await this.#engine.services(functionLabel)).find(({ Spec }) => Spec.Name === name);
  }

  async #require(name: string): Promise<SwarmService> {
    const service = await this.#find(name);
    if (service === undefined)
      throw new BrambleError(
        'FUNCTION_NOT_FOUND',
        `no function "${name}" is deployed; list shows those that are`,
      );
    return service;
  }

  #changed(): void {
    const { functions } = this.#watch;
    this.#endpoints.update(functions);
    this.#rollouts.update(functions);
    for (const listener of [...this.#listeners]) listener();
  }
}

function settingsOf(service: SwarmService): FunctionSettings {
  const { name, envProcess, envVars, labels, annotations } = toStatus(service, 0);
  return parseSettings({ service: name, envProcess, envVars, labels, annotations });
}

function availableOf({ tasks }: WatchedFunction): number {
  return tasks.filter(({ state, isUpToDate }) => state === 'ready' && isUpToDate).length;
}

function exists(name: string): BrambleError {
  return new BrambleError(
    'FUNCTION_EXISTS',
    `function "${name}" is deployed already; update it, or remove it first`,
  );
}

function nameTaken(name: string, cause: unknown): BrambleError {
  return new BrambleError(
    'CONFLICT',
    `the Swarm has a service "${name}" that is not a function; choose another name`,
    { cause },
  );
}
