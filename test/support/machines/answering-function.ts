import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parse, stringify } from 'yaml';
import { runBuiltCli } from '../built-cli.ts';
import type { Machines } from './machines.ts';
import type { UpProject } from './up-project.ts';

export interface AnsweringOptions {
  readonly project: UpProject;
  readonly machines: Machines;
  readonly passwordsFile: string;
}

/** Deploys a function that answers with its name, in three replicas, of the agent's image: that is on all nodes. */
export async function deployAnswering(
  name: string,
  { project, machines, passwordsFile }: AnsweringOptions,
): Promise<void> {
  const { gateway } = parse(await readFile(passwordsFile, 'utf8'));
  const format = '{{.Spec.TaskTemplate.ContainerSpec.Image}}';
  const inspect = ['docker', 'service', 'inspect', '--format', format, 'bramble_agent'];
  const spec = {
    image: (await machines.at(0).exec(inspect)).trim(),
    environment: { NODE_OPTIONS: answering(name) },
    // Not with the health check of the agent's image, which would run the same server once more.
    labels: { 'com.openfaas.scale.min': '3', 'com.openfaas.scale.zero': 'true' },
  };
  await writeFile(join(project.folder, 'stack.yml'), stringify({ functions: { [name]: spec } }));
  const argv = [
    'deploy',
    '-f',
    'stack.yml',
    '-g',
    `http://${machines.at(1).address}:8080`,
    '--password-stdin',
  ];
  const deployed = await runBuiltCli(argv, { ...project.surroundings, stdin: gateway.password });
  expect(deployed).toMatchObject({ exit: 0 });
}

/** Has Node.js serve a word before it comes to the program of its image: functions can be made of what is on the nodes. */
function answering(word: string): string {
  const server = `import{createServer}from'node:http';createServer((q,s)=>s.end('${word}')).listen(8080);await new Promise(()=>{})`;
  return `--import=data:text/javascript,${encodeURIComponent(server)}`;
}
