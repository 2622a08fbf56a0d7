import { SwarmRuntime, type SwarmRuntimeOptions } from '../../../src/functions/runtime.swarm.ts';
import type { FunctionSpec } from '../../../src/functions/spec.ts';
import { systemClock } from '../../../src/support/clock.system.ts';
import { silentLog } from '../../../src/support/log.ts';
import { Metrics } from '../../../src/support/metrics.ts';
import { type DockerEngine, type DockerNode, startDocker } from './docker.ts';
import { buildImages } from './images.ts';
import { openOverlayDoor } from './overlay-door.ts';

export interface OpenSwarmRuntime {
  readonly docker: DockerEngine;
  readonly runtime: SwarmRuntime;
  close(): Promise<void>;
}

/** A Swarm of one node with the image of the probe and a network for functions, and a started runtime on it. */
export async function openSwarmRuntime(
  options: Partial<SwarmRuntimeOptions> = {},
  dockerdArgs: readonly string[] = [],
): Promise<OpenSwarmRuntime> {
  const docker = await startDocker({ dockerdArgs });
  try {
    await docker.swarmInit();
    await buildImages(docker, ['probe']);
    const door = await openFunctionsNetwork(docker);
    const runtime = newSwarmRuntime(docker.socketPath, options);
    await runtime.start();
    return {
      docker,
      runtime,
      async close() {
        await runtime.stop();
        await docker.stop();
        await door.close();
      },
    };
  } catch (err) {
    await docker.stop();
    throw err;
  }
}

/** Makes the network of functions, and a way into it from this machine. */
export async function openFunctionsNetwork(manager: DockerNode): ReturnType<typeof openOverlayDoor> {
  const name = 'functions';
  const kind = ['--driver', 'overlay', '--attachable', '--label', 'openfaas=true'];
  await manager.docker('network', 'create', ...kind, name);
  return openOverlayDoor(manager, name);
}

export function newSwarmRuntime(
  socketPath: string,
  options: Partial<SwarmRuntimeOptions> = {},
): SwarmRuntime {
  return new SwarmRuntime({
    socketPath,
    clock: systemClock,
    log: silentLog,
    metrics: new Metrics(),
    maxAnswerBytes: 10_000_000,
    scheduleProblem: () => undefined,
    ...options,
  });
}

/** The probe function as a container. */
export function probeService(name: string, fields: Partial<FunctionSpec> = {}): FunctionSpec {
  return { service: name, image: 'bramble-test/probe', ...fields };
}
