import { type Clock, sleep } from '../src/support/clock.ts';
import type { DockerCli } from '../src/support/docker-cli.ts';
import { BrambleError } from '../src/support/errors.ts';
import { readLastWords } from './last-words.ts';
import { type HealthQuestion, readHealth, type ServiceHealth, type TaskFault } from './read-health.ts';

/** Of an update. */
type Update = Pick<ServiceHealth, 'update'>;

export function isHealthy({ running, wanted, update }: ServiceHealth): boolean {
  return wanted > 0 && running >= wanted && (update === '' || update === 'completed');
}

/** Docker is at work on it. */
export function isMoving({ update }: Update): boolean {
  return update === 'updating' || update === 'rollback_started';
}

/**
 * Longer than the 10 s in which an update watches what it has started last. Docker waits for ever for the task of a node that is
 * lost in the middle of it.
 */
const stillMs = 45_000;

/** Tells when an update does not go on any more: it is under way, and for a while nothing of it has been. */
export function watchStillness(clock: Clock): (services: readonly ServiceHealth[]) => boolean {
  let sinceMs: number | undefined;
  return (services) => {
    const isStill = services.some((one) => isMoving(one) && one.running === one.wanted);
    sinceMs = isStill ? (sinceMs ?? clock.monotonicMs()) : undefined;
    return sinceMs !== undefined && clock.monotonicMs() - sinceMs > stillMs;
  };
}

/** Docker has given up half-way, and does nothing more until somebody deploys it again. */
export function isStuck({ update }: Update): boolean {
  return update === 'paused' || update === 'rollback_paused';
}

/** Docker has begun to lead it back to what it was before, or is done with that. */
export function isRolledBack({ update }: Update): boolean {
  return update === 'rollback_started' || update === 'rollback_completed';
}

/** What is shown of a service; without faults where nobody looked for them. */
type Shown = Omit<ServiceHealth, 'faults'> & Partial<Pick<ServiceHealth, 'faults'>>;

/** `agent 2/3, control 1/1, mosquitto 0/1 (pi-01: no suitable node)`. */
export function renderHealth(services: readonly Shown[]): string {
  return services
    .map(({ name, running, wanted, update, faults = [] }) => {
      const state = update === '' || update === 'completed' ? '' : ` ${update.replace('_', ' ')}`;
      const why = faults.length === 0 ? '' : ` (${faults.map(renderFault).join('; ')})`;
      return `${name} ${running}/${wanted}${state}${why}`;
    })
    .join(', ');
}

function renderFault({ node, error }: TaskFault): string {
  return node === '' ? error : `${node}: ${error}`;
}

export interface WaitOptions extends HealthQuestion {
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

/**
 * So often a task may fail on one node, each time 2 s after the last, before nobody waits for it any longer: a registry that has
 * just been switched on needs half a minute until it serves.
 */
const mostAttempts = 15;

/** Resolves when every service runs as wanted; rejects FUNCTION_UNREADY with the reasons that Docker and the tasks give. */
export async function untilHealthy(
  docker: DockerCli,
  stackName: string,
  { clock, timeoutMs, signal, onChange, ...question }: WaitOptions,
): Promise<readonly ServiceHealth[]> {
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  const isLate = () => (clock.monotonicMs() > deadlineMs ? late(timeoutMs) : undefined);
  const { rolledBack = [] } = question;
  const verdicts = [howItEnded(rolledBack), countAttempts(), noticeStillness(clock), isLate];
  const shown = new Set<string>(); // a task that fails again and again would say the same again and again
  let healthyLooks = 0;
  for (;;) {
    const services = await readHealth(docker, stackName, question);
    const text = renderHealth(services);
    if (!shown.has(text)) onChange(services);
    shown.add(text);
    healthyLooks = services.length > 0 && services.every(isHealthy) ? healthyLooks + 1 : 0;
    if (healthyLooks >= looksInARow) return services;
    const [what] = verdicts.flatMap((verdict) => verdict(services) ?? []);
    if (healthyLooks === 0 && what !== undefined) throw await unhealthy(docker, stackName, services, what);
    await sleep(clock, pollMs, signal);
  }
}

/** Is asked at each look; tells how it has failed when waiting longer cannot help. */
type Verdict = (services: readonly ServiceHealth[]) => string | undefined;

function countAttempts(): Verdict {
  const byPlace = new Map<string, Set<string>>();
  return (services) => {
    for (const { name, faults } of services.filter((service) => !isMoving(service)))
      for (const { node, task } of faults) {
        const tasks = byPlace.get(`${name} ${node}`) ?? new Set();
        byPlace.set(`${name} ${node}`, tasks.add(task));
        if (tasks.size > mostAttempts) return `does not get healthy, since ${name} ends again and again`;
      }
    return undefined;
  };
}

function noticeStillness(clock: Clock): Verdict {
  const doesNotGoOn = watchStillness(clock);
  return (services) =>
    doesNotGoOn(services) ? 'does not go on, as when a node is lost in the middle of it' : undefined;
}

/** The update comes to another end than was asked for. */
function howItEnded(rolledBack: readonly string[]): Verdict {
  const isNews = (service: ServiceHealth) => isRolledBack(service) && !rolledBack.includes(service.name);
  return (services) => {
    if (services.some(isStuck)) return 'stands still half-way';
    return services.some(isNews) ? 'was rolled back' : undefined;
  };
}

function late(timeoutMs: number): string {
  return `is not healthy after ${Math.round(timeoutMs / 1000)} s`;
}

async function unhealthy(
  docker: DockerCli,
  stackName: string,
  services: readonly ServiceHealth[],
  what: string,
): Promise<BrambleError> {
  const told = await Promise.all(
    services.map(async (service) => ({
      ...service,
      faults: await Promise.all(service.faults.map((fault) => withLastWords(docker, fault))),
    })),
  );
  return new BrambleError(
    'FUNCTION_UNREADY',
    `the stack ${stackName} ${what}: ${renderHealth(told)}; see docker stack ps --no-trunc ${stackName}`,
  );
}

async function withLastWords(docker: DockerCli, fault: TaskFault): Promise<TaskFault> {
  if (fault.node === '') return fault; // it never ran
  const words = await readLastWords(docker, fault.task);
  return words === '' ? fault : { ...fault, error: `${fault.error}: ${words}` };
}
