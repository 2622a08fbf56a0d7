import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Namespaces and links of ours; the process id tells whose they are. */
const prefix = 'bt';

/**
 * A switch with a cable to this machine: nodes in network namespaces of their own, joined by a bridge in a namespace
 * of its own, so that no rule of this machine's firewall is asked or touched.
 */
export interface Lan {
  /** Address of this machine in it. There is no way further out: what asks for the world fails at once. */
  readonly hostAddress: string;
  /** Addresses for the overlay networks of one Swarm, which no other Swarm on this machine has. */
  readonly overlayPool: string;
  /** Makes a namespace with a cable to the switch. `index` counts from 0. */
  plug(index: number): Promise<{ readonly namespace: string; readonly address: string }>;
  /** The address that a node gets. */
  addressOf(index: number): string;
  /** Takes a node's namespace away, and with it the interfaces that the node made. */
  unplug(index: number): Promise<void>;
  /** Pulls the cable of a node at the switch. */
  cut(index: number): Promise<void>;
  heal(index: number): Promise<void>;
  /** Removes all namespaces, and with them all links. */
  remove(): Promise<void>;
}

export async function openLan(): Promise<Lan> {
  await sweep();
  const subnet = await claimSubnet();
  const network = `10.77.${subnet}`;
  const host = `${prefix}${subnet}h`;
  const bridge = `${prefix}-${process.pid}-${subnet}-switch`;
  const namespaces = [bridge];
  await ip('netns', 'add', bridge);
  await ip('link', 'set', `${prefix}${subnet}s`, 'netns', bridge, 'name', 'host');
  await inside(bridge, 'link', 'add', 'switch', 'type', 'bridge');
  await inside(bridge, 'link', 'set', 'host', 'master', 'switch', 'up');
  await inside(bridge, 'link', 'set', 'switch', 'up');
  await ip('addr', 'add', `${network}.1/24`, 'dev', host);
  await ip('link', 'set', host, 'up');

  const namespaceOf = (index: number) => `${prefix}-${process.pid}-${subnet}-node${index}`;
  const addressOf = (index: number) => `${network}.${11 + index}`;
  return {
    hostAddress: `${network}.1`,
    overlayPool: poolOf(subnet),
    addressOf,
    async plug(index) {
      const [namespace, address] = [namespaceOf(index), addressOf(index)];
      await ip('netns', 'add', namespace);
      namespaces.push(namespace);
      await inside(
        bridge,
        ...['link', 'add', `node${index}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace],
      );
      // As of a network card: who knows it from before goes on finding the node.
      await inside(namespace, 'link', 'set', 'eth0', 'address', macOf(subnet, index));
      await inside(bridge, 'link', 'set', `node${index}`, 'master', 'switch', 'up');
      await inside(namespace, 'link', 'set', 'lo', 'up');
      await inside(namespace, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
      await inside(namespace, 'link', 'set', 'eth0', 'up');
      return { namespace, address };
    },
    async unplug(index) {
      // The kernel takes its time to remove a namespace; the cable's name must be free at once.
      await inside(bridge, 'link', 'del', `node${index}`).catch(() => {});
      await ip('netns', 'del', namespaceOf(index)).catch(() => {});
    },
    cut: (index) => inside(bridge, 'link', 'set', `node${index}`, 'down'),
    heal: (index) => inside(bridge, 'link', 'set', `node${index}`, 'up'),
    async remove() {
      await ip('link', 'del', host).catch(() => {});
      for (const namespace of namespaces.reverse()) await ip('netns', 'del', namespace).catch(() => {});
    },
  };
}

/** One of those that nobody makes cards with (RFC 9542, section 2.1: the locally administered). */
function macOf(subnet: number, index: number): string {
  return ['02', '00', ...[10, 77, subnet, 11 + index].map((byte) => byte.toString(16).padStart(2, '0'))].join(
    ':',
  );
}

/** 64 networks of the addresses that RFC 6598 keeps for inside use. */
function poolOf(subnet: number): string {
  return `100.${64 + (subnet >> 2)}.${(subnet & 3) * 64}.0/18`;
}

/** The cable to the host is made first: its name can be taken by one run only, which makes it the claim. */
async function claimSubnet(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const subnet = 1 + Math.floor(Math.random() * 253);
    const [host, end] = [`${prefix}${subnet}h`, `${prefix}${subnet}s`];
    const isOurs = await ip('link', 'add', host, 'type', 'veth', 'peer', 'name', end).then(
      () => true,
      () => false,
    );
    if (isOurs) return subnet;
  }
  throw new Error('no subnet of 10.77.0.0/16 is free: `ip link` shows who has them');
}

/** Runs that were killed left their namespaces behind. */
async function sweep(): Promise<void> {
  for (const name of namespacesNow()) {
    const pid = new RegExp(`^${prefix}-(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await ip('netns', 'del', name).catch(() => {});
  }
}

function namespacesNow(): string[] {
  try {
    return readdirSync('/run/netns');
  } catch {
    return []; // none was ever made
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function ip(...args: string[]): Promise<void> {
  await run('ip', args);
}

function inside(namespace: string, ...args: string[]): Promise<void> {
  return ip('-n', namespace, ...args);
}
