import type { DockerNode } from '../../support/docker/docker.ts';
import { pidHere } from '../../support/docker/overlay-door.ts';

/** Where the parts of a bench meet: the network of a container that is in the overlay network, as the agent is on a Pi. */
export interface Place {
  /** Starts a program there. */
  readonly inside: readonly [string, ...string[]];
  /** How this machine reaches it, through an overlay door. */
  readonly address: string;
}

/** It ends with the Engine. */
export async function openPlace(docker: DockerNode, network: string): Promise<Place> {
  const idle = ['run', '--detach', '--network', network, 'bramble-test/busybox', 'sleep', '1000000'];
  const id = await docker.docker(...idle);
  const address = await docker.docker(
    'inspect',
    '--format',
    `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`,
    id,
  );
  const pid = await pidHere(docker, await docker.docker('inspect', '--format', '{{.State.Pid}}', id));
  return { inside: ['nsenter', `--net=/proc/${pid}/ns/net`], address };
}
