import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Store } from '../store/store.ts';
import type { Clock } from '../support/clock.ts';
import { BrambleError, messageOf } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import type { Metrics } from '../support/metrics.ts';
import { check } from '../support/schema.ts';
import { checkSchedule, type ScheduleProblem } from './check-schedule.ts';
import type { Endpoint } from './endpoint.ts';
import { Deployment, toStatus } from './process/deployment.ts';
import { Guardian } from './process/guardian.ts';
import { LogBuffer } from './process/log-buffer.ts';
import { OneAtATime } from './process/one-at-a-time.ts';
import { launch } from './process/process-group.ts';
import type { ReplicaContext } from './process/replica.ts';
import { ReplicaSet, type Version } from './process/replica-set.ts';
import { checkRunnable } from './process/runnable.ts';
import { SecretFiles } from './process/secret-files.ts';
import { createVersion } from './process/version.ts';
import type { FunctionRuntime, LogLine, LogQuery } from './runtime.ts';
import { type FunctionSettings, parseSettings } from './settings.ts';
import { FunctionSpec, type FunctionStatus } from './spec.ts';

/** What is left for requests in flight when the agent stops: a service has two seconds in all. */
const drainAtStopMs = 1_000;
const documentKind = 'function';

export interface ProcessRuntimeOptions {
  /** Secrets and the functions' own folders are kept below. */
  readonly dataDir: string;
  readonly store: Pick<Store, 'documents' | 'putDocument' | 'removeDocument'>;
  /** Name of this node. */
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly maxAnswerBytes: number;
  /** Log kept per function. */
  readonly logBytes: number;
  /** Where `runtimes/` with our worker programs is. */
  readonly functionsDir: string;
  readonly scheduleProblem: ScheduleProblem;
  /** The agent's environment; functions inherit PATH, HOME, LANG and TZ of it and nothing else. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

interface Deployed {
  readonly deployment: Deployment;
  readonly settings: FunctionSettings;
  readonly replicas: ReplicaSet;
  readonly logs: LogBuffer;
}

/** Runs functions as processes of this machine. */
export class ProcessRuntime implements FunctionRuntime {
  readonly name = 'runtime';
  readonly kind = 'process';
  readonly secrets: SecretFiles;
  readonly #options: ProcessRuntimeOptions;
  readonly #guardian: Guardian;
  readonly #functions = new Map<string, Deployed>();
  /** Those of removed functions too, until the last request is through. */
  readonly #replicaSets = new Set<ReplicaSet>();
  readonly #changes = new OneAtATime();
  readonly #listeners = new Set<() => void>();
  readonly #baseEnv: Readonly<Record<string, string>>;
  readonly #restarts;

  constructor(options: ProcessRuntimeOptions) {
    // Functions work elsewhere, and links are read from where they lie: paths must be absolute.
    this.#options = {
      ...options,
      dataDir: resolve(options.dataDir),
      functionsDir: resolve(options.functionsDir),
    };
    this.#guardian = new Guardian(options.log);
    this.secrets = new SecretFiles(join(this.#options.dataDir, 'secrets'), (secret) => this.#usersOf(secret));
    this.#baseEnv = pick(options.env, ['PATH', 'HOME', 'LANG', 'TZ']);
    this.#restarts = options.metrics.counter(
      'bramble_function_restarts_total',
      'Replicas that ended by themselves or after a timeout and were started again',
      ['function_name'],
    );
  }

  async start(): Promise<void> {
    this.#guardian.start();
    try {
      for (const { key, value } of await this.#options.store.documents(documentKind))
        await this.#restore(key, value);
    } catch (err) {
      await this.stop();
      throw err;
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#replicaSets].map((replicas) => replicas.stop(drainAtStopMs)));
    for (const { logs } of this.#functions.values()) logs.close();
    this.#functions.clear();
    await this.#guardian.stop();
  }

  deploy(given: FunctionSpec): Promise<void> {
    return this.#changes.run(given.service, async () => {
      const { spec, settings } = await this.#checked(given);
      if (this.#functions.has(spec.service))
        throw new BrambleError(
          'FUNCTION_EXISTS',
          `function "${spec.service}" is deployed already; update it, or remove it first`,
        );
      const createdAt = new Date(this.#options.clock.nowMs()).toISOString();
      const deployment = { spec, replicas: settings.scale.min, createdAt };
      await this.#save(deployment);
      await this.#run(deployment, settings);
    });
  }

  update(given: FunctionSpec): Promise<void> {
    return this.#changes.run(given.service, async () => {
      const before = this.#require(given.service);
      const { spec, settings } = await this.#checked(given);
      const { min, max } = settings.scale;
      const replicas = Math.min(max, Math.max(min, before.deployment.replicas));
      const deployment = { ...before.deployment, spec, replicas };
      await this.#save(deployment);
      const version = await this.#prepare(spec, { settings, logs: before.logs });
      this.#functions.set(spec.service, { ...before, deployment, settings });
      before.replicas.replace(version, replicas);
      this.#changed();
    });
  }

  remove(name: string): Promise<void> {
    return this.#changes.run(name, async () => {
      const { replicas, logs } = this.#require(name);
      await this.#options.store.removeDocument(documentKind, name);
      this.#functions.delete(name);
      this.#changed();
      await replicas.stop();
      this.#replicaSets.delete(replicas);
      logs.close();
      await rm(this.#folderOf(name), { recursive: true, force: true });
    });
  }

  scale(name: string, replicas: number): Promise<void> {
    return this.#changes.run(name, async () => {
      const deployed = this.#require(name);
      const { max } = deployed.settings.scale;
      if (!Number.isInteger(replicas) || replicas < 0 || replicas > max)
        throw new BrambleError(
          'INVALID',
          `function "${name}" can have 0 to ${max} replicas, not ${replicas}; the label com.openfaas.scale.max sets the limit`,
        );
      const deployment = { ...deployed.deployment, replicas };
      await this.#save(deployment);
      this.#functions.set(name, { ...deployed, deployment });
      deployed.replicas.scale(replicas);
      this.#changed();
    });
  }

  async list(): Promise<readonly FunctionStatus[]> {
    return [...this.#functions.values()]
      .map(({ deployment, replicas }) => toStatus(deployment, replicas.readyOfNewest))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async describe(name: string): Promise<FunctionStatus | undefined> {
    const deployed = this.#functions.get(name);
    return deployed && toStatus(deployed.deployment, deployed.replicas.readyOfNewest);
  }

  endpoints(name: string): readonly Endpoint[] {
    return this.#functions.get(name)?.replicas.ready ?? [];
  }

  async *logs(name: string, query: LogQuery): AsyncGenerator<LogLine> {
    yield* this.#require(name).logs.read(query);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** One function that cannot be restored (its folder is gone, say) must not keep the others from running. */
  async #restore(name: string, value: unknown): Promise<void> {
    try {
      const deployment = check(Deployment, value, { what: `stored function ${name}` });
      await this.#run(deployment, parseSettings(deployment.spec));
    } catch (err) {
      this.#options.log.error(
        { fn: name, reason: messageOf(err) },
        'stored function cannot be run, left aside',
      );
    }
  }

  async #checked(given: FunctionSpec): Promise<{ spec: FunctionSpec; settings: FunctionSettings }> {
    const spec = check(FunctionSpec, given, { what: `function ${given.service}` });
    const settings = parseSettings(spec);
    checkSchedule(spec.service, settings, this.#options.scheduleProblem);
    const machine = {
      searchPath: spec.envVars?.PATH ?? this.#baseEnv.PATH ?? '',
      secrets: await this.secrets.list(),
    };
    await checkRunnable(spec, settings, machine);
    return { spec, settings };
  }

  async #run(deployment: Deployment, settings: FunctionSettings): Promise<void> {
    const { clock, log, logBytes } = this.#options;
    const { service: name } = deployment.spec;
    const logs = new LogBuffer(name, { maxBytes: logBytes, clock });
    const version = await this.#prepare(deployment.spec, { settings, logs });
    const replicas = new ReplicaSet(version, deployment.replicas, {
      name,
      clock,
      log,
      onChange: () => this.#changed(),
      onRestart: () => this.#restarts.inc({ function_name: name }),
    });
    this.#functions.set(name, { deployment, settings, replicas, logs });
    this.#replicaSets.add(replicas);
    replicas.start();
    this.#changed();
  }

  async #prepare(
    spec: FunctionSpec,
    { settings, logs }: { settings: FunctionSettings; logs: LogBuffer },
  ): Promise<Version> {
    const { node, clock, maxAnswerBytes, functionsDir } = this.#options;
    const folder = this.#folderOf(spec.service);
    const stateDir = join(folder, 'state');
    const secretsDir = join(folder, 'secrets');
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    await this.secrets.mount(spec.secrets ?? [], secretsDir);
    const env = { ...this.#baseEnv, ...spec.envVars, secret_mount_path: secretsDir, state_dir: stateDir };
    const cwd = settings.process.handler ?? stateDir;
    const context: ReplicaContext = {
      name: spec.service,
      node,
      settings: settings.process,
      clock,
      maxAnswerBytes,
      launch: (command, options) =>
        launch(
          { command, cwd, env: { ...env, ...options.env }, stdio: options.stdio },
          { guardian: this.#guardian, clock },
        ),
      log: (instance, line) => logs.append(instance, line),
    };
    return createVersion(settings, context, functionsDir);
  }

  #save(deployment: Deployment): Promise<void> {
    return this.#options.store.putDocument(documentKind, deployment.spec.service, deployment);
  }

  #require(name: string): Deployed {
    const deployed = this.#functions.get(name);
    if (deployed === undefined)
      throw new BrambleError(
        'FUNCTION_NOT_FOUND',
        `no function "${name}" is deployed; list shows those that are`,
      );
    return deployed;
  }

  #folderOf(name: string): string {
    return join(this.#options.dataDir, 'functions', name);
  }

  #usersOf(secret: string): string[] {
    return [...this.#functions]
      .filter(([, { deployment }]) => deployment.spec.secrets?.includes(secret))
      .map(([name]) => name);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

function pick(
  env: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}
