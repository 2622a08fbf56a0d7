import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Machine, MachineCall } from '../../../provision/remote/remote.memory.ts';
import type { RemoteResult } from '../../../provision/remote/remote.ts';
import { answerDocker, imageOf } from './docker-program.ts';
import { type MemoryNode, type MemorySwarm, makeNodeId, makeSwarm } from './memory-swarm.ts';

export interface MemoryHostOptions {
  readonly name: string;
  readonly address: string;
  /** All hosts, to find the manager that is to be joined. */
  readonly hosts: ReadonlyMap<string, MemoryHost>;
}

const debiansVersion = '20.10.24+dfsg1-1+deb12u1';
const dockersVersion = '5:27.3.1-1~debian.12~bookworm';

/** A freshly installed Debian with SSH, Docker as far as Bramble asks for it, and its place in a Swarm. */
export class MemoryHost implements Machine {
  readonly name: string;
  readonly address: string;
  readonly #hosts: MemoryHostOptions['hosts'];
  clockOffsetMs = 0;
  dockerVersion = '';
  dockerPackage: { readonly name: string; readonly version: string; readonly isHeld: boolean } | undefined;
  isDockerRunning = false;
  /** As a manager it has enough others to decide with. */
  hasQuorum = true;
  isPluggedIn = true;
  node: MemoryNode | undefined;
  swarm: MemorySwarm | undefined;
  readonly images = new Set<string>();
  /** Image → what `docker build` got for it, where the way of functions was taken. */
  readonly built = new Map<string, string>();
  /** Where the cluster's registry is here. */
  registry: { address: string; revision: string; images: Set<string> } | undefined;
  readonly trusted = new Map<string, string>();
  #hasRequest = false;

  constructor({ name, address, hosts }: MemoryHostOptions) {
    this.name = name;
    this.address = address;
    this.#hosts = hosts;
  }

  get authority(): string {
    return `authority-of-${this.name}`;
  }

  hostAt(address: string): MemoryHost | undefined {
    return [...this.#hosts.values()].find((host) => host.address === address.replace(/:\d+$/, ''));
  }

  async run(call: MachineCall): Promise<RemoteResult> {
    try {
      return { status: 0, stdout: this.#answer(call), stderr: '' };
    } catch (err) {
      return { status: 1, stdout: '', stderr: `Error response from daemon: ${(err as Error).message}` };
    }
  }

  #answer({ command, stdin }: MachineCall): string {
    const [program = '', ...args] = command;
    switch (program) {
      case 'sh':
        return this.#script(args, stdin);
      case 'date':
        this.clockOffsetMs = 0;
        return '';
      case 'docker':
        if (!this.isDockerRunning) throw new Error('Cannot connect to the Docker daemon');
        return answerDocker(this, args, stdin);
      default:
        throw new Error(`${program}: not found`);
    }
  }

  /** Scripts are known by what is in them. */
  #script([flag, ...args]: readonly string[], stdin: string): string {
    if (flag === '-c' && args[0]?.includes('exec docker')) return this.#build(args.slice(3), stdin);
    if (flag === '-c') return ''; // there is no cloud-init
    if (stdin.includes('say clockMs')) return this.#facts();
    if (stdin.includes('say upSeconds')) return 'load\t0.5\nprocessors\t4\nupSeconds\t3600\nagent\tUp 1 hour';
    if (stdin.includes('docker service ls --quiet')) return answerDocker(this, ['bramble-swarm'], '');
    if (args[0] === 'bramble-install-docker') return this.#installDocker(args.slice(2));
    if (args[0] === 'bramble-start-docker') {
      this.isDockerRunning = true;
      return '';
    }
    if (args[0] === 'bramble-install-registry') return this.#installRegistry(args.slice(2));
    if (stdin.includes('docker pull')) return answerDocker(this, ['pull', args[0] ?? ''], '');
    if (stdin.includes('openssl req -new')) return this.#request();
    if (stdin.includes('openssl x509 -req')) return `signed by ${this.authority}`;
    if (stdin.startsWith('cat "$1/ca.crt"')) return this.authority;
    if (stdin.includes('mv "$1/client.key.new"')) return this.#trust(args);
    throw new Error(`a script that nobody knows: ${stdin.slice(0, 100)}`);
  }

  #build(args: readonly string[], stdin: string): string {
    this.built.set(imageOf(args), stdin);
    return answerDocker(this, args, stdin);
  }

  #installDocker([source, pinned = '']: readonly string[]): string {
    const [name, newest] =
      source === 'docker' ? ['docker-ce', dockersVersion] : ['docker.io', debiansVersion];
    const version = pinned === '' ? newest : newest.replace(/[^:]+(?=-1)/, pinned);
    this.dockerPackage = { name, version, isHeld: pinned !== '' };
    this.dockerVersion = version.replace(/^\d+:|-1.*$/g, '');
    this.isDockerRunning = true;
    return '';
  }

  #installRegistry([, host, port, , revision = '']: readonly string[]): string {
    const images = this.registry?.images ?? new Set<string>();
    this.registry = { address: `${host}:${port}`, revision, images };
    return '';
  }

  #request(): string {
    this.#hasRequest = true;
    return `request of ${this.name}`;
  }

  #trust([folder = '', certificate, authority = '']: readonly string[]): string {
    if (!this.#hasRequest || certificate !== `signed by ${authority}`) throw new Error('no such key');
    this.trusted.set(folder.split('/').at(-1) ?? '', authority);
    return '';
  }

  #facts(): string {
    const { node, swarm } = this;
    const info = {
      ServerVersion: this.dockerVersion,
      RegistryConfig: { IndexConfigs: {} },
      Swarm: {
        LocalNodeState: node === undefined ? 'inactive' : 'active',
        NodeID: node?.id ?? '',
        NodeAddr: node === undefined ? '' : this.address,
        ControlAvailable: node?.role === 'manager',
        ...(node?.role === 'manager' && { Cluster: { ID: swarm?.id } }),
      },
    };
    const lines: [string, string | undefined][] = [
      ['clockMs', String(Date.now() + this.clockOffsetMs)],
      ['architecture', 'arm64'],
      ['osId', 'debian'],
      ['codename', 'bookworm'],
      ['prettyName', 'Debian GNU/Linux 12 (bookworm)'],
      ['hostName', this.name],
      ['address', this.address],
      ['memoryKilobytes', '4000000'],
      ['diskUsedKilobytes', '10000000'],
      ['diskFreeKilobytes', '20000000'],
      ['cgroup', 'memory'],
      ['bootId', `boot-of-${this.name}`],
      ['hardware', 'gpio'],
      ['dockerVersion', this.dockerVersion],
      ['dockerPackage', this.dockerPackage && describePackage(this.dockerPackage)],
      ['dockerInfo', this.isDockerRunning ? JSON.stringify(info) : ''],
      ['registryServed', this.registry && `${this.registry.address} ${this.registry.revision}`],
      ['registryAuthority', this.registry && this.authority],
      ...[...(this.registry?.images ?? [])].map((image): [string, string] => ['registryImage', image]),
      ...[...this.images]
        .filter((image) => image.includes(':5000/'))
        .map((image): [string, string] => ['image', image]),
      ...[...this.trusted].map(([address, by]): [string, string] => ['registryTrusted', `${address} ${by}`]),
      ['end', '.'],
    ];
    return lines.map(([name, value = '']) => `${name}\t${value}\n`).join('');
  }

  /** Docker's API, behind `docker system dial-stdio`. */
  serve(_command: readonly string[], stream: Duplex): void {
    const server = createServer((request, response) => void this.#serve(request, response));
    server.emit('connection', stream);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await text(request);
      response.end(
        JSON.stringify(this.#api(`${request.method} ${request.url}`, body === '' ? {} : JSON.parse(body))),
      );
    } catch (err) {
      response.writeHead(503).end(JSON.stringify({ message: (err as Error).message }));
    }
  }

  #api(call: string, body: { JoinToken?: string; RemoteAddrs?: string[] }): unknown {
    switch (call) {
      case 'GET /swarm':
        if (this.node?.role !== 'manager') throw new Error('This node is not a swarm manager.');
        return { JoinTokens: this.swarm?.tokens };
      case 'POST /swarm/init':
        if (this.node !== undefined) throw new Error('This node is already part of a swarm.');
        this.#enter(makeSwarm(), 'manager');
        return this.node && '';
      case 'POST /swarm/join':
        return this.#join(body);
      case 'POST /swarm/leave?force=true':
        this.node = undefined;
        this.swarm = undefined;
        return '';
      default:
        throw new Error(`page not found: ${call}`);
    }
  }

  #join({ JoinToken, RemoteAddrs = [] }: { JoinToken?: string; RemoteAddrs?: string[] }): unknown {
    if (this.node !== undefined) throw new Error('This node is already part of a swarm.');
    const swarm = this.hostAt(RemoteAddrs[0] ?? '')?.swarm;
    if (swarm === undefined) throw new Error('connection refused');
    const { Manager, Worker } = swarm.tokens;
    if (JoinToken !== Manager && JoinToken !== Worker) throw new Error('invalid join token');
    this.#enter(swarm, JoinToken === Manager ? 'manager' : 'worker');
    return '';
  }

  #enter(swarm: MemorySwarm, role: MemoryNode['role']): void {
    const id = makeNodeId();
    const isReady = () => this.node?.id === id && this.isDockerRunning;
    this.node = { ...{ id, role, isReady }, hostName: this.name, address: this.address, labels: new Map() };
    this.swarm = swarm;
    swarm.nodes.set(id, this.node);
  }
}

function describePackage({ name, version, isHeld }: NonNullable<MemoryHost['dockerPackage']>): string {
  return `${name} ${version} ${isHeld ? 'hold' : 'install'}`;
}
