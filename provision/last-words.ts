import type { DockerCli } from '../src/support/docker-cli.ts';

/** Enough for the trace that follows on what went wrong. */
const tailLines = 20;
/** How our programs, and Node.js, begin the line that tells it. */
const tellingLine = /^(bramble: |\w*Error\b)/;

/** The line in which a task that ended told why; empty where it told nothing, or nobody knows any more. */
export async function readLastWords(docker: DockerCli, task: string): Promise<string> {
  const lines: string[] = [];
  const args = ['service', 'logs', '--raw', '--tail', String(tailLines), task];
  await docker.run(args, { onLine: (line) => lines.push(line.trim()) }).catch(() => {}); // its node may be away
  const said = lines.filter((line) => line !== '');
  return said.findLast((line) => tellingLine.test(line)) ?? said.at(-1) ?? '';
}
