import { type Clock, sleep } from '../src/support/clock.ts';
import type { DockerCli } from '../src/support/docker-cli.ts';
import { BrambleError } from '../src/support/errors.ts';

export interface ServiceHealth {
  /** Without the stack's name. */
  readonly name: string;
  readonly running: number;
  readonly wanted: number;
  /** Of an update: updating, completed, paused, rollback_completed, …; empty where there was none. */
  readonly update: string;
  /** What keeps tasks from running, each once: `pi-02: no such image`. */
  readonly reasons: readonly string[];
}

export function isHealthy({ running, wanted, update }: ServiceHealth): boolean {
  return wanted > 0 && running >= wanted && (update === '' || update === 'completed');
}

/** The update ended otherwise than asked for, and waiting longer cannot help. */
export function hasFailed({ update }: ServiceHealth): boolean {
  return ['paused', 'rollback_paused', 'rollback_completed'].includes(update);
}

/** `agent 2/3, control 1/1, mosquitto 0/1 (pi-01: no suitable node)`. */
export function renderHealth(services: readonly ServiceHealth[]): string {
  return services
    .map(({ name, running, wanted, update, reasons }) => {
      const state = update === '' || update === 'completed' ? '' : ` ${update.replace('_', ' ')}`;
      const why = reasons.length === 0 ? '' : ` (${reasons.join('; ')})`;
      return `${name} ${running}/${wanted}${state}${why}`;
    })
    .join(', ');
}

export interface WaitOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Gets the health whenever it is one that was not seen before. */
  readonly onChange: (services: readonly ServiceHealth[]) => void;
}

/** Docker tells of a task that failed at most so late. */
const pollMs = 500;
/** An update begins a moment after it was asked for, so that one look may still see the time before. */
const looksInARow = 3;

/** Resolves when every service runs as wanted; rejects FUNCTION_UNREADY with the reasons that Docker gives. */
export async function untilHealthy(
  docker: DockerCli,
  stackName: string,
  { clock, timeoutMs, signal, onChange }: WaitOptions,
): Promise<readonly ServiceHealth[]> {
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  const shown = new Set<string>(); // a task that fails again and again would say the same again and again
  let healthyLooks = 0;
  for (;;) {
    const services = await readHealth(docker, stackName);
    const text = renderHealth(services);
    if (!shown.has(text)) onChange(services);
    shown.add(text);
    healthyLooks = services.length > 0 && services.every(isHealthy) ? healthyLooks + 1 : 0;
    if (healthyLooks >= looksInARow) return services;
    if (healthyLooks === 0 && services.some(hasFailed)) throw unhealthy(stackName, text, 'was rolled back');
    if (clock.monotonicMs() > deadlineMs)
      throw unhealthy(stackName, text, `is not healthy after ${Math.round(timeoutMs / 1000)} s`);
    await sleep(clock, pollMs, signal);
  }
}

function unhealthy(stackName: string, state: string, what: string): BrambleError {
  return new BrambleError(
    'FUNCTION_UNREADY',
    `the stack ${stackName} ${what}: ${state}; see docker stack ps --no-trunc ${stackName}`,
  );
}

/** What the Swarm says of a stack's services and their tasks. */
export async function readHealth(docker: DockerCli, stackName: string): Promise<ServiceHealth[]> {
  const listed = await docker.run(['stack', 'services', '--format', '{{.Name}}\t{{.Replicas}}', stackName]);
  const rows = listed.split('\n').filter((line) => line !== '');
  return Promise.all(rows.map((row) => readService(docker, stackName, row)));
}

async function readService(docker: DockerCli, stackName: string, row: string): Promise<ServiceHealth> {
  const [fullName = '', replicas = ''] = row.split('\t');
  const [, running = '0', wanted = '0'] = /^(\d+)\/(\d+)/.exec(replicas) ?? [];
  const inspected = await docker.run(['service', 'inspect', '--format', '{{json .UpdateStatus}}', fullName]);
  const update = /"State":"(\w+)"/.exec(inspected)?.[1] ?? '';
  // Of an update that was rolled back all may run again, and what was wrong is still of interest.
  const isComplete = wanted !== '0' && running === wanted && !update.startsWith('rollback');
  return {
    name: fullName.slice(stackName.length + 1),
    running: Number(running),
    wanted: Number(wanted),
    update,
    reasons: isComplete ? [] : await readReasons(docker, fullName),
  };
}

/** The error of the latest task on each node; without a node, what keeps it from finding one. */
async function readReasons(docker: DockerCli, service: string): Promise<string[]> {
  const format = '{{.Node}}\t{{.Error}}';
  const listed = await docker.run(['service', 'ps', '--no-trunc', '--format', format, service]);
  const byNode = new Map<string, string>();
  for (const line of listed.split('\n')) {
    const [node = '', error = ''] = line.split('\t');
    const text = error.replaceAll('"', '').trim();
    if (text !== '' && !byNode.has(node)) byNode.set(node, text);
  }
  return [...byNode].map(([node, text]) => (node === '' ? text : `${node}: ${text}`));
}
