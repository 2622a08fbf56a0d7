/**
 * A way from this machine to the addresses of an overlay network, which otherwise only containers reach: a container
 * in the network forwards what comes to it and answers for whom it forwarded. Any process reaches the tasks of all
 * nodes by their own addresses then, at the kernel's speed, and a refused connection is refused.
 *
 *   const door = await openOverlayDoor(swarm.node(0), 'functions');     the network must be attachable
 *   await fetch('http://100.64.1.5:8080/');                             address of a task
 *   await door.close();
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { DockerNode } from './docker.ts';
import { buildImages } from './images.ts';

const run = promisify(execFile);

export interface OverlayDoor {
  close(): Promise<void>;
}

export async function openOverlayDoor(node: DockerNode, network: string): Promise<OverlayDoor> {
  await buildImages(node, ['busybox']);
  const id = await node.docker(
    ...['run', '--detach', '--network', network, '--sysctl', 'net.ipv4.ip_forward=1'],
    ...['bramble-test/busybox', 'sleep', '1000000'],
  );
  const subnet = await node.docker(
    ...['network', 'inspect', '--format', '{{(index .IPAM.Config 0).Subnet}}', network],
  );
  const pid = await pidHere(node, await node.docker('inspect', '--format', '{{.State.Pid}}', id));
  const inContainer = ['nsenter', `--net=/proc/${pid}/ns/net`];
  const inNode = ['nsenter', `--net=/run/netns/${node.namespace}`];
  await execute([...inContainer, 'iptables', '-t', 'nat', '-A', 'POSTROUTING', '-j', 'MASQUERADE']);
  await execute([...inNode, 'iptables', '-I', 'FORWARD', '-j', 'ACCEPT']);
  await execute([...inNode, 'ip', 'route', 'replace', subnet, 'via', await bridgeAddress(inContainer)]);
  await execute(['ip', 'route', 'replace', subnet, 'via', node.address]);
  return {
    async close() {
      // The Engine may have been ended before, which closed the door already.
      await execute(['ip', 'route', 'del', subnet]).catch(() => {});
      await node.docker('rm', '--force', id).catch(() => {});
    },
  };
}

/** Its address in Docker's gateway bridge, the one of its two networks that its default route goes through. */
async function bridgeAddress(inContainer: readonly string[]): Promise<string> {
  const route = await execute([...inContainer, 'ip', 'route', 'show', 'default']);
  const device = /dev (\S+)/.exec(route)?.[1];
  const addresses = await execute([
    ...inContainer,
    'ip',
    '-4',
    '-oneline',
    'addr',
    'show',
    'dev',
    device ?? '',
  ]);
  const address = /inet ([\d.]+)\//.exec(addresses)?.[1];
  if (address === undefined) throw new Error(`no address of the door was found in: ${route} ${addresses}`);
  return address;
}

/** A process id of the node's own namespace as this machine counts it. */
export async function pidHere(node: DockerNode, pidThere: string): Promise<number> {
  for (const pid of node.processes()) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    if (/^NSpid:\s+\d+\s+(\d+)/m.exec(status)?.[1] === pidThere) return pid;
  }
  throw new Error(`process ${pidThere} of ${node.name} was not found`);
}

async function execute([program = '', ...args]: readonly string[]): Promise<string> {
  const { stdout } = await run(program, args);
  return stdout;
}
