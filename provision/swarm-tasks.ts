/** A task as `docker service ps` lists it. */
export interface SwarmTask {
  readonly id: string;
  /** Full name of its service. */
  readonly service: string;
  /** What it fills: the node's id where every node has one, else a number. */
  readonly slot: string;
  /** Empty until one is found. */
  readonly node: string;
  /** What the Swarm wants of it: Running, Ready (it waits for its turn), Shutdown, … */
  readonly desired: string;
  /** Running, Starting, Pending, Failed, … */
  readonly state: string;
  /** As Docker says it: `No such image: …`; empty where there is none. */
  readonly error: string;
}

/** For `docker service ps --no-trunc --format`; its fields are for `parseTask`. */
export const taskFormat = '{{.ID}}\t{{.Name}}\t{{.Node}}\t{{.DesiredState}}\t{{.CurrentState}}\t{{.Error}}';

export function parseTask(fields: readonly string[]): SwarmTask {
  const [id = '', name = '', node = '', desired = '', current = '', error = ''] = fields;
  const dot = name.lastIndexOf('.'); // bramble_agent.x8z…, bramble_mosquitto.1
  return {
    ...{ id, node, desired },
    service: name.slice(0, dot),
    slot: name.slice(dot + 1),
    state: current.replace(/ .*/, ''), // Running 2 hours ago
    error: error.replaceAll('"', '').trim(),
  };
}

/**
 * How many of a service run, of how many that shall. What `docker service ls` tells leaves out, in the second, the one that failed
 * and waits for its next attempt: a service of which one fails for ever is `2/2` there most of the time.
 */
export function countTasks(
  tasks: readonly SwarmTask[],
  service: string,
): { readonly running: number; readonly wanted: number } {
  const alive = tasks.filter((task) => task.service === service && isWanted(task));
  const slots = (some: readonly SwarmTask[]) => new Set(some.map(({ slot }) => slot)).size;
  return { running: slots(alive.filter(({ state }) => state === 'Running')), wanted: slots(alive) };
}

function isWanted({ desired }: SwarmTask): boolean {
  return desired === 'Running' || desired === 'Ready';
}
