import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildAgentImage } from '../docker/agent-image.ts';
import { startDocker } from '../docker/docker.ts';
import { buildImages } from '../docker/images.ts';
import { brokerImage, buildBroker, nodeBase } from '../docker/stand-ins.ts';
import { root } from '../repo.ts';
import { keepFolder } from './kept-folder.ts';

export const agentImage = 'bramble-test/agent';
export const probeImage = 'bramble-test/probe';

/**
 * An archive as `docker save` makes it, of the agent as it is built here, the broker's stand-in and the probe function:
 * machines can pull nothing. Made once for each build of the agent.
 */
export async function agentArchive(): Promise<string> {
  return join(await archives(), 'images.tar');
}

/** An archive of `nodeBase`, what functions in Node.js are built on. */
export async function nodeBaseArchive(): Promise<string> {
  return join(await archives(), 'node-base.tar');
}

/** Of agent and broker an archive each, as bramble.yaml may name them. */
export async function imageArchives(): Promise<{ readonly agent: string; readonly broker: string }> {
  const folder = await archives();
  return { agent: join(folder, 'agent.tar'), broker: join(folder, 'broker.tar') };
}

const contents = {
  'images.tar': [agentImage, brokerImage, probeImage],
  'agent.tar': [agentImage],
  'broker.tar': [brokerImage],
  'node-base.tar': [nodeBase],
};

async function archives(): Promise<string> {
  return keepFolder({
    name: 'agent-archives',
    recipe: Buffer.concat(await Promise.all((await sources()).map((file) => readFile(file)))),
    make: async (draft) => {
      const docker = await startDocker();
      try {
        await Promise.all([
          buildImages(docker, ['probe']).then(() => buildAgentImage(docker, agentImage)),
          buildBroker(docker),
        ]);
        for (const [file, images] of Object.entries(contents))
          await docker.docker('save', '--output', join(draft, file), ...images);
      } finally {
        await docker.stop();
      }
    },
  });
}

/** All that goes into the images and is ours, and how they are made. */
async function sources(): Promise<string[]> {
  const [program, functions, probe] = await Promise.all(
    ['dist', 'functions', 'test/support/probe'].map(async (folder) => {
      const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    }),
  );
  const ways = ['agent-image.ts', 'images.ts', 'package-images.ts', 'stand-ins.ts'];
  return [
    ...['Dockerfile', 'package-lock.json', 'natives.mjs'].map((file) => join(root, file)),
    ...ways.map((file) => join(root, 'test/support/docker', file)),
    join(root, 'test/support/machines/agent-archive.ts'),
    ...[...(functions ?? []), ...(probe ?? [])].sort(),
    ...(program ?? []).filter((file) => file.endsWith('.js')).sort(),
  ];
}
