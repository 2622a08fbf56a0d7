import { readFile } from 'node:fs/promises';
import { withDeadline } from '../../../src/functions/call/deadline.ts';
import { systemClock } from '../../../src/support/clock.system.ts';
import type { DockerNode, Swarm } from './docker.ts';

/** A node that hangs would not answer before the test runner gives up. */
const answerLimitMs = 10_000;
const tailLines = 40;

/** What became of each node's Engine and of Bramble's own containers, and what they said last: for a test that fails. */
export async function whatHappened({ nodes }: Pick<Swarm, 'nodes'>): Promise<string> {
  return (await Promise.all(nodes.map(tellOf))).join('\n\n');
}

async function tellOf(node: DockerNode): Promise<string> {
  const late = () => new Error(`none within ${answerLimitMs} ms`);
  const deadline = { clock: systemClock, limitMs: answerLimitMs, late };
  const containers = await withDeadline(tellOfContainers(node), deadline).catch((err: Error) => [
    `no answer: ${err.message}`,
  ]);
  const engine = await readFile(node.logFile, 'utf8').catch((err: Error) => err.message);
  return [`${node.name}:`, ...containers, 'its Engine:', ...lastWords(engine)].join('\n');
}

async function tellOfContainers({ docker }: DockerNode): Promise<string[]> {
  const ids = await docker('ps', '--all', '--quiet', '--filter', 'name=bramble_');
  return Promise.all(ids.split('\n').flatMap((id) => (id === '' ? [] : [tellOfContainer(docker, id)])));
}

async function tellOfContainer(docker: DockerNode['docker'], id: string): Promise<string> {
  const state = await docker('inspect', '--format', '{{.Name}} {{json .State}}', id);
  const log = await readFile(await docker('inspect', '--format', '{{.LogPath}}', id), 'utf8');
  return [state, ...lastWords(log)].join('\n');
}

/** From where a program of Go crashed, else the end. */
function lastWords(log: string): string[] {
  const lines = log.trimEnd().split('\n');
  const crash = lines.findLastIndex((line) => /^(panic|fatal error): /.test(line));
  return crash < 0 ? lines.slice(-tailLines) : lines.slice(crash, crash + tailLines);
}
