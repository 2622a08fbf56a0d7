import type { Agent } from './agent.ts';

/** Sum of a metric over all label values that match. */
export async function metric(
  agent: Agent,
  name: string,
  labels: Record<string, string> = {},
): Promise<number> {
  const text = await (await agent.fetch('/metrics')).text();
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => wanted.every((pair) => line.includes(pair)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Events of the node that no agent has confirmed yet. */
export async function outboxCount(agent: Agent): Promise<number> {
  return Number(Reflect.get(await statusOf(agent), 'outbox'));
}

export async function busState(agent: Agent): Promise<unknown> {
  return Reflect.get(Object(Reflect.get(await statusOf(agent), 'bus')), 'state');
}

async function statusOf(agent: Agent): Promise<object> {
  return Object(await (await agent.fetch('/bramble/status')).json());
}
