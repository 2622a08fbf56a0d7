import { describe } from 'vitest';
import { runtimeContract } from '../contract/runtime-contract.ts';
import { whyNoDocker } from '../support/docker/docker.ts';
import { openSwarmRuntime, probeService } from '../support/docker/swarm-runtime.ts';

describe.skipIf(whyNoDocker())(`on Docker${whyNoDocker()}`, () => {
  runtimeContract('a Docker Swarm', async () => {
    const { runtime, close } = await openSwarmRuntime();
    return { runtime, probe: probeService, constraint: 'node.role == manager', close };
  });
});
