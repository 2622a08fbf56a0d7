import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type Machine, type MachineCall, MemoryRemote } from '../../provision/remote/remote.memory.ts';
import type { RemoteResult } from '../../provision/remote/remote.ts';
import { BrambleError } from '../../src/support/errors.ts';

interface Member {
  readonly name: string;
  readonly labels: Record<string, string>;
  role: 'manager' | 'worker';
  availability: 'active' | 'drain';
  /** Does its machine answer? */
  isUp: boolean;
  /** Is it in the managers' list? */
  isListed: boolean;
  /** Does it think that it is a member? */
  isMember: boolean;
}

export interface Task {
  readonly service: string;
  readonly mode: 'replicated' | 'global';
  /** Where it may run; the first that takes work has it. */
  readonly places: readonly string[];
}

/** A Swarm in this process, as far as the commands that change one ask it. Its nodes are remotes. */
export class MemorySwarm {
  readonly members: readonly Member[];
  readonly tasks: readonly Task[];
  /** Commands and calls that changed something: `pi-01: docker node rm …`, `pi-02: POST /swarm/leave`. */
  readonly changes: string[] = [];
  tokens = { Worker: 'token-worker-0', Manager: 'token-manager-0' };
  version = 7;
  /** Of the next wishes for new tokens, so many come too late. */
  lateUpdates = 0;

  constructor(nodes: Readonly<Record<string, Partial<Member>>>, tasks: readonly Task[] = []) {
    this.members = Object.entries(nodes).map(([name, change]) => ({
      ...{ name, labels: {}, role: 'worker', availability: 'active' },
      ...{ isUp: true, isListed: true, isMember: true },
      ...change,
    }));
    this.tasks = tasks;
  }

  remotes(): Map<string, MemoryRemote> {
    return new Map(this.members.map(({ name }) => [name, new MemoryRemote(name, this.#machineOf(name))]));
  }

  member(name: string): Member {
    const found = this.members.find((one) => one.name === name);
    if (found === undefined) throw new TypeError(`there is no ${name}`);
    return found;
  }

  #machineOf(name: string): Machine {
    return {
      connect: () => {
        if (!this.member(name).isUp) throw new BrambleError('UNREACHABLE', `${name} cannot be reached`);
      },
      run: async (call) => ({ ...nothing, ...this.#run(name, call) }),
      serve: (_command, stream) => this.#serve(name, stream),
    };
  }

  #run(name: string, { command }: MachineCall): Partial<RemoteResult> {
    const [program, kind = '', verb = '', ...args] = command;
    if (program !== 'docker') return { status: 127, stderr: `${program}: not found` };
    if (kind === 'info') return { stdout: this.member(name).isMember ? 'active\n' : 'inactive\n' };
    if (!this.#hasQuorum(name)) return refused('This node is not a swarm manager.');
    const target = this.members.find((one) => `id-${one.name}` === args.at(-1));
    switch (`${kind} ${verb}`) {
      case 'node ls':
        return {
          stdout: this.#listed()
            .map((one) => `id-${one.name}${args.includes('--format') ? stateOf(one) : ''}\n`)
            .join(''),
        };
      case 'node inspect':
        return {
          stdout: this.#listed()
            .map((one) => `node\t${JSON.stringify(nodeOf(one))}\n`)
            .join(''),
        };
      case 'node ps':
        return {
          stdout: this.#tasksOn(target)
            .map((line) => `${line}\n`)
            .join(''),
        };
      case 'service ls':
        return {
          stdout: this.#services()
            .map((line) => `${line}\n`)
            .join(''),
        };
    }
    this.changes.push(`${name}: ${command.join(' ')}`);
    if (target === undefined) return refused(`no such node: ${args.at(-1)}`);
    if (verb === 'update') target.availability = args[1] === 'drain' ? 'drain' : 'active';
    if (verb === 'demote') target.role = 'worker';
    if (verb === 'rm') target.isListed = false;
    return {};
  }

  #hasQuorum(name: string): boolean {
    const managers = this.#listed().filter(({ role }) => role === 'manager');
    const there = managers.filter(({ isUp }) => isUp);
    return this.member(name).role === 'manager' && there.length > managers.length / 2;
  }

  #listed(): readonly Member[] {
    return this.members.filter(({ isListed }) => isListed);
  }

  #placeOf({ places }: Task): string | undefined {
    return places.find((place) => {
      const { isUp, isListed, availability } = this.member(place);
      return isUp && isListed && availability === 'active';
    });
  }

  #tasksOn(member: Member | undefined): string[] {
    return this.tasks.flatMap((task) => {
      const place = this.#placeOf(task);
      if (place === member?.name) return [`${task.service}.1\tRunning 2 hours ago`];
      return task.places.includes(member?.name ?? '') ? [`${task.service}.1\tShutdown 1 second ago`] : [];
    });
  }

  #services(): string[] {
    return this.tasks.map((task) => {
      const has = this.#placeOf(task) === undefined ? 0 : 1;
      return `${task.service}\t${task.mode}\t${has}/${task.mode === 'global' ? has : 1}`;
    });
  }

  #serve(name: string, stream: Duplex): void {
    const server = createServer((request, response) => void this.#answer(name, request, response));
    server.emit('connection', stream);
  }

  async #answer(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const url = new URL(request.url ?? '', 'http://docker');
    if (url.pathname === '/swarm/leave') {
      this.changes.push(`${name}: POST /swarm/leave`);
      this.member(name).isMember = false;
    }
    if (url.pathname === '/swarm/update') return this.#update(url.searchParams, JSON.parse(body), response);
    const answer = { Spec: { Name: 'default' }, Version: { Index: this.version }, JoinTokens: this.tokens };
    response.end(url.pathname === '/swarm' ? JSON.stringify(answer) : '');
  }

  #update(query: URLSearchParams, spec: { Name?: string }, response: ServerResponse): void {
    if (this.lateUpdates > 0) {
      this.lateUpdates -= 1;
      this.version += 1;
    }
    if (query.get('version') !== String(this.version) || spec.Name !== 'default')
      return void response.writeHead(500).end('{"message":"rpc error: update out of sequence"}');
    this.version += 1;
    if (query.get('rotateWorkerToken') === 'true') this.tokens = { ...this.tokens, Worker: 'token-worker-1' };
    if (query.get('rotateManagerToken') === 'true')
      this.tokens = { ...this.tokens, Manager: 'token-manager-1' };
    response.end();
  }
}

const nothing: RemoteResult = { status: 0, stdout: '', stderr: '' };

function refused(stderr: string): Partial<RemoteResult> {
  return { status: 1, stderr: `Error response from daemon: ${stderr}` };
}

/** As Docker's API has a node. */
/** As `docker node ls` has it. */
function stateOf({ isUp, role }: Member): string {
  return ` ${isUp ? 'Ready' : 'Down'} ${role === 'manager' ? 'Reachable' : ''}`;
}

function nodeOf({ name, role, availability, labels, isUp }: Member) {
  const state = isUp ? 'reachable' : 'unreachable';
  return {
    ID: `id-${name}`,
    Spec: { Role: role, Availability: availability, Labels: labels },
    Description: { Hostname: name },
    Status: { State: isUp ? 'ready' : 'down', Addr: '192.168.1.1' },
    ...(role === 'manager' && { ManagerStatus: { Reachability: state, Addr: '192.168.1.1:2377' } }),
  };
}
