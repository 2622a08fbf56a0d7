import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { FunctionSpec } from '../../../src/functions/spec.ts';
import { type Agent, type AgentOptions, startAgent } from '../../support/agent.ts';
import { until } from '../../support/wait.ts';

export interface ShippedAgentOptions extends Pick<AgentOptions, 'config' | 'host'> {
  /** The program, with arguments, that starts it somewhere else. */
  readonly inside?: readonly string[];
}

/** The agent with the options of Node.js that its own first line gives it; all roles. */
export function startShippedAgent({ inside = [], ...options }: ShippedAgentOptions = {}): Promise<Agent> {
  return startAgent({
    ...options,
    config: { ...options.config, log: { level: 'info' } },
    spawn: (node, args, env) => {
      const [program = node, ...rest] = [...inside, node, '--max-semi-space-size=8', ...args];
      return spawn(program, rest, { env });
    },
  });
}

/** Resolves when all of the function's replicas can be called. */
export async function deploy(agent: Agent, spec: FunctionSpec): Promise<void> {
  const wanted = Number(spec.labels?.['com.openfaas.scale.min'] ?? 1);
  await request(agent, '/system/functions', { method: 'POST', body: JSON.stringify(spec) });
  await until(`${spec.service} is ready`, async () => {
    const status = (await (await request(agent, `/system/function/${spec.service}`)).json()) as {
      availableReplicas: number;
    };
    return status.availableReplicas === wanted;
  });
}

export async function remove(agent: Agent, functionName: string): Promise<void> {
  await request(agent, '/system/functions', { method: 'DELETE', body: JSON.stringify({ functionName }) });
}

/** Rejects unless the answer is a 2xx. */
export async function request(agent: Agent, path: string, init: RequestInit = {}): Promise<Response> {
  const response = await agent.fetch(path, init);
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return response;
}

/** Memory of one process that is in RAM now, or was at most (proc(5)), in MB. */
export function residentMB(pid: number | undefined, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  if (!(kilobytes > 0)) throw new Error(`no ${field} of process ${pid}`);
  return (kilobytes * 1024) / 1e6;
}
