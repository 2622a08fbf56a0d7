/**
 * Real Docker Engines for tests, each in network, mount and process namespaces of its own: many run side by side, nothing
 * of this machine's network or firewall is touched, and all of it ends with the test process, however that ends.
 *
 *   const docker = await startDocker();                    one Engine
 *   await docker.swarmInit();                              … a Swarm of one node
 *   const swarm = await startSwarm({ nodes: 3, managers: 1 });   several, joined by a switch; VXLAN between them
 *   swarm.node(0).docker('service', 'ls')                  the `docker` program against a node; node 0 is the first manager
 *   swarm.node(0).socketPath                               for dockerode
 *   swarm.node(2).address                                  10.77.x.13: ports published in `mode: host` are reached there
 *   swarm.hostAddress                                      10.77.x.1: how containers reach a server of the test
 *   swarm.kill(2) · start(2)                               power cut · power back (same data)
 *   swarm.pause(2) · resume(2)                             all its processes hang
 *   swarm.cut(2) · heal(2)                                 network cable
 *   await swarm.stop();
 *
 * Images: `images.ts`. A way from this machine to the addresses of tasks: `overlay-door.ts`.
 * Where there is no Docker:
 *
 *   describe.skipIf(whyNoDocker())(`on Docker${whyNoDocker()}`, …)
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Daemon, type DaemonOptions } from './daemon.ts';
import { isAlive, openLan } from './lan.ts';

/** The reason why no Engine can be started, as the end of a test's name; empty when it can, and in CI, where it must. */
export function whyNoDocker(): string {
  if (process.env.CI !== undefined) return '';
  if (process.getuid?.() !== 0) return ' (skipped: Docker Engines of our own need root)';
  const missing = ['dockerd', 'docker', 'ip', 'nsenter', 'unshare', 'setpriv'].filter(
    (program) => spawnSync('which', [program]).status !== 0,
  );
  return missing.length === 0 ? '' : ` (skipped: ${missing.join(', ')} not installed)`;
}

/** One Engine with the machine it believes to be on. */
export interface DockerNode {
  readonly name: string;
  /** In the tests' network. */
  readonly address: string;
  readonly socketPath: string;
  /** Its network namespace, below /run/netns. */
  readonly namespace: string;
  /** What the Engine writes. */
  readonly logFile: string;
  /** Runs the `docker` program against it; rejects if that fails. */
  docker(...args: readonly string[]): Promise<string>;
  /** Process ids of the Engine and of all it runs. */
  processes(): number[];
}

export interface DockerEngine extends DockerNode {
  readonly hostAddress: string;
  /** Makes it a Swarm of one node. */
  swarmInit(): Promise<void>;
  kill(): Promise<void>;
  /** Stops the Engine as an administrator would; its data stay. */
  halt(): Promise<void>;
  start(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Ends it and removes everything. */
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly name?: string;
  readonly dockerdArgs?: readonly string[];
}

export async function startDocker({
  name = 'node-1',
  dockerdArgs = [],
}: StartOptions = {}): Promise<DockerEngine> {
  const machines = await startMachines([name], { dockerdArgs });
  const [{ daemon, node }] = machines.all;
  return {
    ...node,
    hostAddress: machines.hostAddress,
    // What is lost while it is paused is nobody but itself.
    swarmInit: () => swarmInit(node, machines.overlayPool, '60s'),
    kill: () => daemon.kill(),
    halt: () => daemon.stop(),
    start: () => daemon.start(),
    pause: () => daemon.pause(),
    resume: () => daemon.resume(),
    stop: machines.stop,
  };
}

export interface Swarm {
  readonly hostAddress: string;
  /** Where a service finds the Docker of whichever node it runs on. */
  readonly ownSocketPath: string;
  readonly nodes: readonly DockerNode[];
  node(index: number): DockerNode;
  kill(index: number): Promise<void>;
  start(index: number): Promise<void>;
  pause(index: number): void;
  resume(index: number): void;
  cut(index: number): Promise<void>;
  heal(index: number): Promise<void>;
  stop(): Promise<void>;
}

export interface SwarmOptions {
  readonly nodes?: number;
  readonly managers?: number;
  readonly dockerdArgs?: readonly string[];
  /** Mount namespace that the machines have their mounts from, `/sys` among them. */
  readonly mountNamespace?: string | undefined;
  /**
   * A node that was not heard of for three times as long counts as lost, and one that comes back begins all its tasks anew, the
   * healthy ones too. On a busy machine, or after a manager that hung, Docker's own 5 s make that happen to nodes nobody hurt.
   */
  readonly heartbeat?: string;
}

/** Nodes `node-1`, `node-2`, …; the first ones are managers. Resolves when all are ready. */
export async function startSwarm({
  nodes = 3,
  managers = 1,
  dockerdArgs = [],
  mountNamespace,
  heartbeat = '5s',
}: SwarmOptions = {}): Promise<Swarm> {
  const names = Array.from({ length: nodes }, (_, i) => `node-${i + 1}`);
  const machines = await startMachines(names, { dockerdArgs, mountNamespace });
  const at = (index: number) => {
    const machine = machines.all[index];
    if (machine === undefined) throw new TypeError(`there is no node ${index}, only ${nodes}`);
    return machine;
  };
  try {
    await joinAll(machines, { managers, heartbeat });
  } catch (err) {
    await machines.stop();
    throw err;
  }
  return {
    hostAddress: machines.hostAddress,
    ownSocketPath: machines.ownSocketPath,
    nodes: machines.all.map(({ node }) => node),
    node: (index) => at(index).node,
    kill: (index) => at(index).daemon.kill(),
    start: (index) => at(index).daemon.start(),
    pause: (index) => at(index).daemon.pause(),
    resume: (index) => at(index).daemon.resume(),
    cut: machines.cut,
    heal: machines.heal,
    stop: machines.stop,
  };
}

interface Machine {
  readonly daemon: Daemon;
  readonly node: DockerNode;
}

interface Machines {
  readonly hostAddress: string;
  readonly ownSocketPath: string;
  readonly overlayPool: string;
  readonly all: readonly [Machine, ...Machine[]];
  cut(index: number): Promise<void>;
  heal(index: number): Promise<void>;
  stop(): Promise<void>;
}

async function startMachines(
  names: readonly string[],
  options: Pick<DaemonOptions, 'dockerdArgs' | 'mountNamespace'>,
): Promise<Machines> {
  await sweepFolders();
  const lan = await openLan();
  const folder = await mkdtemp(join(tmpdir(), `bramble-docker-${process.pid}-`));
  const ownFolder = join(folder, 'own');
  const daemons: Daemon[] = [];
  const stop = async () => {
    await Promise.all(daemons.map((daemon) => daemon.kill()));
    await lan.remove();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await mkdir(ownFolder);
    const all: Machine[] = [];
    for (const [index, name] of names.entries()) {
      const { namespace, address } = await lan.plug(index);
      const daemon = new Daemon({ ...options, name, namespace, folder: join(folder, name), ownFolder });
      daemons.push(daemon);
      const { socketPath, logFile } = daemon;
      const docker = daemon.docker.bind(daemon);
      all.push({
        daemon,
        node: { name, address, socketPath, namespace, logFile, docker, processes: () => daemon.processes() },
      });
    }
    await Promise.all(daemons.map((daemon) => daemon.start()));
    const [first, ...others] = all;
    if (first === undefined) throw new TypeError('at least one machine must be named');
    return { ...lan, ownSocketPath: join(ownFolder, 'docker.sock'), all: [first, ...others], stop };
  } catch (err) {
    await stop();
    throw err;
  }
}

async function swarmInit(
  { docker, address }: DockerNode,
  overlayPool: string,
  heartbeat: string,
): Promise<void> {
  const pool = ['--default-addr-pool', overlayPool, '--default-addr-pool-mask-length', '24'];
  await docker('swarm', 'init', '--advertise-addr', address, ...pool, '--dispatcher-heartbeat', heartbeat);
}

/** Managers join one after the other: two at once may leave one outside of the quorum. */
async function joinAll(
  { all, overlayPool }: Machines,
  { managers, heartbeat }: Required<Pick<SwarmOptions, 'managers' | 'heartbeat'>>,
): Promise<void> {
  const [{ node: first }, ...others] = all;
  await swarmInit(first, overlayPool, heartbeat);
  for (const [i, { node }] of others.entries()) {
    const role = i + 1 < managers ? 'manager' : 'worker';
    const token = await first.docker('swarm', 'join-token', '-q', role);
    await node.docker(
      'swarm',
      'join',
      '--token',
      token,
      '--advertise-addr',
      node.address,
      `${first.address}:2377`,
    );
    if (role === 'manager') await eventually(() => node.docker('node', 'ls'));
  }
  await eventually(async () => {
    const states = (await first.docker('node', 'ls', '--format', '{{.Status}}')).split('\n');
    if (states.length < all.length || states.some((state) => state !== 'Ready'))
      throw new Error(`not all nodes are ready: ${states}`);
  });
}

async function eventually(attempt: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      await attempt();
      return;
    } catch (err) {
      if (Date.now() > deadline) throw err;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** Runs that were killed left their data behind. */
async function sweepFolders(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^bramble-docker-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid)))
      await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
}
