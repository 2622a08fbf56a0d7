import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DockerNode, Swarm } from './docker.ts';

/** A node that hangs would not answer before the test runner gives up. */
const answerLimitMs = 10_000;
const tailLines = 40;

/** What became of Bramble's own containers on each node and what they said last, to be printed when a test fails. */
export async function whatHappened({ nodes }: Pick<Swarm, 'nodes'>): Promise<string> {
  const told = await Promise.all(
    nodes.map((node) =>
      inTime(tellOf(node)).catch((err: Error) => `${node.name} does not tell: ${err.message}`),
    ),
  );
  return told.join('\n\n');
}

async function tellOf({ name, docker }: DockerNode): Promise<string> {
  const ids = await docker('ps', '--all', '--quiet', '--filter', 'name=bramble_');
  const told = ids.split('\n').flatMap((id) => (id === '' ? [] : [tellOfContainer(docker, id)]));
  return [`${name}:`, ...(await Promise.all(told))].join('\n');
}

async function tellOfContainer(docker: DockerNode['docker'], id: string): Promise<string> {
  const state = await docker('inspect', '--format', '{{.Name}} {{json .State}}', id);
  const log = await readFile(await docker('inspect', '--format', '{{.LogPath}}', id), 'utf8');
  return [state, ...log.trimEnd().split('\n').slice(-tailLines)].join('\n');
}

async function inTime<Value>(answer: Promise<Value>): Promise<Value> {
  return Promise.race([
    answer,
    sleep(answerLimitMs, undefined, { ref: false }).then(() => {
      throw new Error(`no answer in ${answerLimitMs} ms`);
    }),
  ]);
}
