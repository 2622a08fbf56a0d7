import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FunctionSpec } from '../../src/functions/spec.ts';
import { systemCode } from '../../src/support/errors.ts';
import type { Agent } from './agent.ts';
import { until } from './wait.ts';

export type Deployable = Partial<FunctionSpec> & Pick<FunctionSpec, 'service'>;

/** Sends JSON as an administrator. */
export function send(agent: Agent, method: string, path: string, body: unknown): Promise<Response> {
  return agent.fetch(path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/** Deploys a function and resolves when it can be called. */
export async function deploy(agent: Agent, spec: Deployable): Promise<void> {
  const response = await send(agent, 'POST', '/system/functions', { image: 'local', ...spec });
  if (response.status !== 202) throw new Error(`deploy: ${response.status} ${await response.text()}`);
  await untilReplicas(agent, spec.service, 1);
}

/** Resolves when so many replicas can be called. */
export async function untilReplicas(agent: Agent, name: string, count: number): Promise<void> {
  await until(`${name} has ${count} replicas`, async () => {
    const status: unknown = await (await agent.fetch(`/system/function/${name}`)).json();
    return Reflect.get(Object(status), 'availableReplicas') === count;
  });
}

/** Writes the code of a Node.js function; returns what `deploy` needs to know of it. */
export function nodeHandler(
  agent: Pick<Agent, 'folder'>,
  name: string,
  code: string,
): Record<string, string> {
  const folder = join(agent.folder, 'functions', name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'handler.mjs'), code);
  return { 'bramble.lang': 'node', 'bramble.handler': folder };
}

/** What a recorder was given, in the order in which it was called. */
export interface Recorded {
  readonly id: string;
  readonly time: string;
  readonly topic: string;
  readonly body: string;
}

const recorderCode = `
import { appendFileSync } from 'node:fs';
export default async ({ headers, body }) => {
  const facts = { id: headers['ce-id'], time: headers['ce-time'], topic: headers['x-topic'], body: String(body) };
  appendFileSync(process.env.record_file, JSON.stringify(facts) + '\\n');
  return { recorded: facts.body };
};
`;

/** Deploys a warm function that writes down what it is called with. */
export async function deployRecorder(
  agent: Agent,
  { service, annotations = {}, envVars = {} }: Pick<FunctionSpec, 'service' | 'annotations' | 'envVars'>,
): Promise<() => readonly Recorded[]> {
  const file = join(agent.folder, `${service}.jsonl`);
  await deploy(agent, {
    service,
    annotations: { ...nodeHandler(agent, service, recorderCode), ...annotations },
    // As it came: JSON would be parsed.
    envVars: { RAW_BODY: 'true', record_file: file, ...envVars },
  });
  return () =>
    linesOf(file).map((line): Recorded => {
      const { id, time, topic, body } = JSON.parse(line);
      return { id, time, topic, body };
    });
}

/** The complete lines of a file that may still be written, or not be there yet. */
export function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(0, -1);
  } catch (err) {
    if (systemCode(err) === 'ENOENT') return [];
    throw err;
  }
}
