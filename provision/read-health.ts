import type { DockerCli } from '../src/support/docker-cli.ts';
import { countTasks, parseTask, type SwarmTask, taskFormat } from './swarm-tasks.ts';

export interface ServiceHealth {
  /** Without the stack's name. */
  readonly name: string;
  readonly running: number;
  readonly wanted: number;
  /** Of an update: updating, completed, paused, rollback_completed, …; empty where there was none. */
  readonly update: string;
  /** What keeps it from running; where an update is under way or has failed, what happened since it began. */
  readonly faults: readonly TaskFault[];
}

/** The latest of a node, or of no node where none is found for it. */
export interface TaskFault {
  readonly task: string;
  readonly node: string;
  /** As Docker says it: `No such image: …`. */
  readonly error: string;
}

export interface HealthQuestion {
  /** Services of which an earlier update is rolled back. When that is done, they have had none. */
  readonly rolledBack?: readonly string[];
}

/** What the Swarm says of a stack's services and their tasks. */
export async function readHealth(
  docker: DockerCli,
  stackName: string,
  { rolledBack = [] }: HealthQuestion = {},
): Promise<ServiceHealth[]> {
  const names = (await read(docker, ['stack', 'services', '--format', '{{.Name}}', stackName])).flat();
  if (names.length === 0) return [];
  const format = '{{.Spec.Name}}\t{{with .UpdateStatus}}{{.State}}\t{{json .StartedAt}}{{end}}';
  const inspected = await read(docker, ['service', 'inspect', '--format', format, ...names]);
  const listed = await read(docker, ['service', 'ps', '--no-trunc', '--format', taskFormat, ...names]);
  const tasks = listed.map(parseTask);
  const births = await readBirths(docker, tasks);
  return inspected.map(([service = '', state = '', started = '']) => {
    const name = service.slice(stackName.length + 1);
    const update = state === 'rollback_completed' && rolledBack.includes(name) ? '' : state;
    const own = tasks.filter((task) => task.service === service);
    const isOver = update === '' || update === 'completed';
    const isOfInterest = isOver ? isWithoutSuccessor(own) : isSince(parseTime(started), births);
    const faults = onePerNode(own.filter((task) => task.error !== '' && isOfInterest(task)));
    return { name, update, ...countTasks(own, service), faults };
  });
}

/** What failed once is of no interest where another runs by now. */
function isWithoutSuccessor(tasks: readonly SwarmTask[]): (task: SwarmTask) => boolean {
  const running = new Set(tasks.filter(({ state }) => state === 'Running').map(({ slot }) => slot));
  return ({ slot }) => !running.has(slot);
}

/** Said of every task that takes the place of another: until that has ended. */
const portIsTaken = /^host-mode port already in use/;

/** Of an update, what it has brought about. */
function isSince(startedMs: number, births: ReadonlyMap<string, number>): (task: SwarmTask) => boolean {
  return ({ id, error }) => !portIsTaken.test(error) && (births.get(id) ?? startedMs) >= startedMs;
}

/** Docker lists the latest of each node first. */
function onePerNode(failed: readonly SwarmTask[]): TaskFault[] {
  const byNode = new Map<string, TaskFault>();
  for (const { id, node, error } of failed)
    if (!byNode.has(node)) byNode.set(node, { task: id, node, error });
  return [...byNode.values()];
}

/** When the tasks that failed were made, by the managers' clock: Docker keeps some of earlier updates. */
async function readBirths(
  docker: DockerCli,
  tasks: readonly SwarmTask[],
): Promise<ReadonlyMap<string, number>> {
  const ids = tasks.filter(({ error }) => error !== '').map(({ id }) => id);
  if (ids.length === 0) return new Map();
  const format = '{{.ID}}\t{{json .CreatedAt}}';
  // One of them may be forgotten meanwhile.
  const rows = await read(docker, ['inspect', '--type', 'task', '--format', format, ...ids]).catch(() => []);
  return new Map(rows.map(([id = '', created = '']) => [id, parseTime(created)]));
}

/** RFC 3339 in quotes; without one, the beginning of time. */
function parseTime(json: string): number {
  return Date.parse(json.replaceAll('"', '')) || 0;
}

async function read(docker: DockerCli, args: readonly string[]): Promise<string[][]> {
  const text = await docker.run(args);
  return text.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')]));
}
