import { Readable } from 'node:stream';
import Docker from 'dockerode';
import { type Static, type TSchema, Type } from 'typebox';
import { systemClock } from '../../support/clock.system.ts';
import { BrambleError } from '../../support/errors.ts';
import { findProblems } from '../../support/schema.ts';
import { withDeadline } from '../call/deadline.ts';
import { fromDocker } from './docker-errors.ts';
import {
  DaemonInfo,
  type ServiceSpec,
  SwarmNetwork,
  SwarmNode,
  SwarmSecret,
  SwarmService,
  SwarmTask,
} from './docker-objects.ts';

interface Limits {
  /** Longer than any answer of a healthy Engine takes; while managers elect a leader they are silent for 20 s. */
  readonly answerMs: number;
  /** An Engine without a way to the registry can wait for its resolver for most of a minute. */
  readonly registryMs: number;
  /** Streams of events and logs are known to fall silent for good: after so long they end, to be opened anew. */
  readonly silenceMs: number;
}

const usualLimits: Limits = { answerMs: 10_000, registryMs: 4_000, silenceMs: 30_000 };

/** What a registry wants to know of who asks; Docker's AuthConfig. */
export interface RegistryLogin {
  readonly username: string;
  readonly password: string;
}

export interface LogsOptions {
  readonly follow: boolean;
  /** Last lines of each task. */
  readonly tail?: number;
  /** Seconds since the epoch, with a fraction. */
  readonly since?: string;
}

interface Request {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: object;
  readonly login?: RegistryLogin | undefined;
  readonly signal?: AbortSignal;
  readonly isStream?: boolean;
}

/**
 * The Docker Engine of this node, as far as functions need it. Every call ends within ten seconds, and rejects with a
 * BrambleError: UNREACHABLE, UNSUPPORTED when the node is no manager, INVALID, CONFLICT, NOT_FOUND.
 */
export class Engine {
  readonly #socketPath: string;
  readonly #answers: Way;
  readonly #registry: Way;
  readonly #streams: Way;
  #ownId: string | undefined;

  constructor(socketPath: string, { answerMs, registryMs, silenceMs }: Limits = usualLimits) {
    this.#socketPath = socketPath;
    // An empty `host`, or the environment's DOCKER_HOST would win over the socket.
    const way = (limitMs: number): Way => ({
      docker: new Docker({ socketPath, host: '', timeout: limitMs }),
      limitMs,
    });
    this.#answers = way(answerMs);
    this.#registry = way(registryMs);
    this.#streams = way(silenceMs);
  }

  /** Services with this label that have replicas. */
  async services(label: string): Promise<SwarmService[]> {
    const query = { filters: { label: [label] } };
    return valid(SwarmService, await this.#ask('list services', { method: 'GET', path: '/services', query }));
  }

  /** Tasks of services with this label that should be running. */
  async runningTasks(label: string): Promise<SwarmTask[]> {
    const query = { filters: { label: [label], 'desired-state': ['running'] } };
    return valid(SwarmTask, await this.#ask('list tasks', { method: 'GET', path: '/tasks', query }));
  }

  /** All tasks of a service that the Swarm still remembers, ended ones too. */
  async tasksOf(service: string): Promise<SwarmTask[]> {
    const query = { filters: { service: [service] } };
    return valid(SwarmTask, await this.#ask('list tasks', { method: 'GET', path: '/tasks', query }));
  }

  async nodes(): Promise<SwarmNode[]> {
    return valid(SwarmNode, await this.#ask('list nodes', { method: 'GET', path: '/nodes' }));
  }

  /** Is the manager behind this socket the one that leads? Rejects on a node that is no manager. */
  async isLeader(): Promise<boolean> {
    const nodes = await this.nodes();
    // Asked each second, and a node keeps its id for as long as it belongs to the Swarm.
    if (!nodes.some(({ ID }) => ID === this.#ownId)) this.#ownId = await this.#askOwnId();
    return nodes.some(({ ID, ManagerStatus }) => ID === this.#ownId && ManagerStatus?.Leader === true);
  }

  async #askOwnId(): Promise<string | undefined> {
    const [info] = valid(DaemonInfo, [await this.#ask('ask who this is', { method: 'GET', path: '/info' })]);
    return info?.Swarm.NodeID;
  }

  /** Networks of the whole Swarm. */
  async networks(
    filters: { readonly name: string[] } | { readonly label: string[] },
  ): Promise<SwarmNetwork[]> {
    const request = { method: 'GET', path: '/networks', query: { filters } } as const;
    const found = valid(SwarmNetwork, await this.#ask('list networks', request));
    return found.filter(({ Scope }) => Scope === 'swarm');
  }

  async createService(spec: ServiceSpec, login: RegistryLogin | undefined): Promise<void> {
    const doing = `create service ${spec.Name}`;
    await this.#ask(doing, { method: 'POST', path: '/services/create', body: spec, login });
  }

  /** Rejects CONFLICT when it was changed since it was read. Without a login the one it has stays. */
  async updateService(
    { ID, Version }: Pick<SwarmService, 'ID' | 'Version'>,
    spec: ServiceSpec,
    login?: RegistryLogin,
  ): Promise<void> {
    const query = { version: Version.Index };
    const path = `/services/${ID}/update`;
    await this.#ask(`update service ${spec.Name}`, { method: 'POST', path, query, body: spec, login });
  }

  async removeService({ ID, Spec }: SwarmService): Promise<void> {
    await this.#ask(`remove service ${Spec.Name}`, { method: 'DELETE', path: `/services/${ID}` });
  }

  async secrets(filters: { readonly label: string[] } | { readonly name: string[] }): Promise<SwarmSecret[]> {
    const request = { method: 'GET', path: '/secrets', query: { filters } } as const;
    return valid(SwarmSecret, await this.#ask('list secrets', request));
  }

  /** Rejects CONFLICT when there is one of that name. */
  async createSecret(name: string, labels: Record<string, string>, value: Uint8Array): Promise<void> {
    const body = { Name: name, Labels: labels, Data: Buffer.from(value).toString('base64') };
    await this.#ask(`create secret ${name}`, { method: 'POST', path: '/secrets/create', body });
  }

  /** Rejects CONFLICT while a service uses it. */
  async removeSecret({ ID, Spec }: SwarmSecret): Promise<void> {
    await this.#ask(`remove secret ${Spec.Name}`, { method: 'DELETE', path: `/secrets/${ID}` });
  }

  /** Id of an image that this node has. Rejects NOT_FOUND. */
  async imageId(image: string): Promise<string> {
    const [found] = valid(Type.Object({ Id: Type.String() }), [
      await this.#ask(`find image ${image}`, { method: 'GET', path: `/images/${image}/json` }),
    ]);
    return found?.Id ?? '';
  }

  /** The digest that the image's registry has for it now. Rejects UNREACHABLE when nobody can be asked. */
  async registryDigest(image: string, login: RegistryLogin | undefined): Promise<string> {
    const doing = `look up image ${image} in its registry`;
    const request = { method: 'GET', path: `/distribution/${image}/json`, login } as const;
    const [found] = valid(Type.Object({ Descriptor: Type.Object({ digest: Type.String() }) }), [
      await this.#ask(doing, request, this.#registry),
    ]);
    if (found === undefined) throw new BrambleError('UNREACHABLE', `cannot ${doing}: it told no digest`);
    return found.Descriptor.digest;
  }

  /** Docker's log stream of all replicas, multiplexed; each line with its time and its details. */
  serviceLogs(id: string, { follow, tail, since }: LogsOptions, signal: AbortSignal): Promise<Readable> {
    const query = {
      ...{ stdout: 1, stderr: 1, timestamps: 1, details: 1, follow: follow ? 1 : 0 },
      ...(tail === undefined ? {} : { tail }),
      ...(since === undefined ? {} : { since }),
    };
    return this.#stream('read logs', { method: 'GET', path: `/services/${id}/logs`, query, signal });
  }

  /** What happens to services and nodes of the Swarm, and to containers of this node. */
  events(signal: AbortSignal): Promise<Readable> {
    const filters = {
      type: ['service', 'node', 'container'],
      event: ['create', 'update', 'remove', 'start', 'die', 'health_status'],
    };
    return this.#stream('hear events', { method: 'GET', path: '/events', query: { filters }, signal });
  }

  async #stream(doing: string, request: Request): Promise<Readable> {
    const stream = await this.#ask(doing, { ...request, isStream: true }, this.#streams);
    if (!(stream instanceof Readable))
      throw new BrambleError('INTERNAL', `Docker gave no stream to ${doing}`);
    // The caller reads it, and an end by time-out or by our own will is no error to anybody.
    stream.on('error', () => {});
    return stream;
  }

  async #ask(doing: string, request: Request, way = this.#answers): Promise<unknown> {
    try {
      return await dial(way, request);
    } catch (err) {
      throw fromDocker(err, { doing, at: this.#socketPath });
    }
  }
}

/** A client of Docker, and how long its answers, or the heads of its streams, may take. */
interface Way {
  readonly docker: Docker;
  readonly limitMs: number;
}

function dial(
  { docker, limitMs }: Way,
  { method, path, query, body, login, signal, isStream }: Request,
): Promise<unknown> {
  const modem: { dial(options: object, done: (err: Error | null, answer: unknown) => void): void } =
    docker.modem;
  const options = {
    method,
    // It takes the mark away again when there is nothing to ask.
    path: `${path}?`,
    options: { ...(query ? { _query: query } : {}), ...(body ? { _body: body } : {}) },
    statusCodes: { 200: true, 201: true, 204: true },
    ...(login ? { authconfig: login } : {}),
    ...(signal ? { abortSignal: signal } : {}),
    ...(isStream ? { isStream } : {}),
  };
  const dialed = new Promise((resolve, reject) => {
    modem.dial(options, (err, answer) => (err === null ? resolve(answer) : reject(err)));
  });
  // The client does not tell of an answer that has begun and then breaks off or falls silent.
  const late = () => new Error(`no whole answer within ${limitMs} ms`);
  return withDeadline(dialed, { clock: systemClock, limitMs, late });
}

/** Those of Docker's objects that have what we read of them: what others made in odd ways is none of ours. */
function valid<Schema extends TSchema>(schema: Schema, answer: unknown): Static<Schema>[] {
  const items: unknown[] = Array.isArray(answer) ? answer : [];
  return items.filter((item): item is Static<Schema> => findProblems(schema, item).length === 0);
}
