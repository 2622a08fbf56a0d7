import type { DockerCli } from '../support/docker-cli.ts';
import { planBuild } from './build-plan.ts';
import type { Builder } from './builder.ts';

/** The Docker of this computer, or of DOCKER_HOST; with buildx where that is installed. */
export function createLocalBuilder(docker: DockerCli): Builder {
  let buildx: Promise<boolean> | undefined;
  const findBuildx = () =>
    docker.run(['buildx', 'version']).then(
      () => true,
      () => false,
    );
  return {
    where: '',
    nameOf: (image) => image,
    build: async (source, { template, flags, folder, say }) => {
      buildx ??= findBuildx();
      const hasBuildx = await buildx;
      const args = planBuild(source, { template, flags, hasBuildx, context: folder });
      await docker.run(args, { onLine: say });
      return flags.push && hasBuildx ? 'pushed' : 'built';
    },
    push: async (image, say) => {
      await docker.run(['push', image], { onLine: say });
    },
  };
}
