import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../repo.ts';
import type { DockerNode } from './docker.ts';
import { buildImage } from './images.ts';
import { buildNodeBase, nodeBase } from './stand-ins.ts';

const run = promisify(execFile);

/**
 * The agent's image from what is built here: the last stage of the Dockerfile over this machine's dist/ and packages. That
 * the first stage makes the same from nothing is another test's business, and takes a minute.
 */
export async function buildAgentImage(docker: Pick<DockerNode, 'docker'>, name: string): Promise<void> {
  await buildNodeBase(docker);
  const folder = await mkdtemp(join(tmpdir(), 'bramble-natives-'));
  try {
    const copy = "import('./natives.mjs').then(({ copyNatives }) => copyNatives(process.argv[1]))";
    await run(process.execPath, ['-e', copy, folder], { cwd: root });
    const kept = ['package.json', 'LICENSE', 'functions', ...(await programFiles())];
    await buildImage(docker, name, {
      files: Object.fromEntries([
        ['app/node_modules', { from: folder }],
        ...kept.map((file) => [`app/${file}`, { from: join(root, file) }]),
      ]),
      dockerfile: await lastStage(),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function programFiles(): Promise<string[]> {
  const names = await readdir(join(root, 'dist'));
  return names.filter((name) => name.endsWith('.js')).map((name) => `dist/${name}`);
}

async function lastStage(): Promise<string> {
  const dockerfile = await readFile(join(root, 'Dockerfile'), 'utf8');
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as a Dockerfile spells an argument
  const [, stage] = dockerfile.split('FROM ${BASE}\n');
  if (!stage?.includes('COPY --from=build /app .')) throw new Error('the Dockerfile has another shape now');
  return `FROM ${nodeBase}\n${stage.replace('--from=build /app .', 'app .')}`;
}
