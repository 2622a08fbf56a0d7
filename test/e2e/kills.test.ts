import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Agent } from '../support/agent.ts';
import { deploy, linesOf, nodeHandler } from '../support/deployments.ts';
import { duringTest } from '../support/during-test.ts';
import { hasMosquitto } from '../support/mosquitto.ts';
import { publishNumbers } from '../support/numbered-publisher.ts';
import { freePort } from '../support/ports.ts';
import { until } from '../support/wait.ts';

const note = hasMosquitto ? '' : ' (skipped: needs mosquitto and mosquitto-clients)';
const kills = 20;
/** The longest life after which an agent is killed. */
const longestLifeMs = 600;
const topic = 'factory/line/1/piece';
/** Events that may wait for the function: the test ends soon after the last kill. */
const mostBehind = 1_500;
/** Digits and a line feed. */
const lineBytes = 9;

/** Writes down each number that it is called with. */
const counterCode = `
import { appendFileSync } from 'node:fs';
export default async ({ body }) => {
  appendFileSync(process.env.numbers_file, body + '\\n');
  return body.toString();
};
`;

/** Publishes while the agent is killed again and again, then counts what its function has seen. */
async function killRepeatedly(
  config: Record<string, unknown>,
  { port, what }: { port: number; what: string },
): Promise<void> {
  const folder = duringTest.folder();
  const file = join(folder, 'numbers');
  let agent = await duringTest.agent({ config, folder });
  await deployCounter(agent, file);
  const publisher = publishNumbers({
    port,
    topic,
    window: 8,
    hasRoom: () => publisher.acknowledged.size - handledCount(file) < mostBehind,
  });
  onTestFinished(() => publisher.stop());
  for (let kill = 1; kill <= kills; kill += 1) {
    const before = publisher.acknowledged.size;
    await until('events are acknowledged', () => publisher.acknowledged.size > before);
    await sleep(Math.random() * longestLifeMs);
    await agent.kill();
    agent = await duringTest.agent({ config, folder });
  }
  await publisher.finish();
  const { acknowledged } = publisher;
  const handled = await until(
    'every acknowledged event is handled',
    () => {
      const numbers = linesOf(file).map(Number);
      const distinct = new Set(numbers);
      return [...acknowledged].every((number) => distinct.has(number)) ? numbers : undefined;
    },
    60_000,
  );
  const duplicates = handled.length - new Set(handled).size;
  console.info(
    `${what}: ${kills} kills, ${acknowledged.size} events acknowledged, 0 lost, ${duplicates} handled twice`,
  );
  // At least one for each life, or the kills would have proved nothing.
  expect(acknowledged.size).toBeGreaterThan(kills);
}

async function deployCounter(agent: Agent, file: string): Promise<void> {
  await deploy(agent, {
    service: 'counter',
    annotations: {
      ...nodeHandler(agent, 'counter', counterCode),
      topic: 'factory/+/+/piece',
      'bramble.concurrency': '16',
    },
    envVars: { RAW_BODY: 'true', numbers_file: file },
  });
}

function handledCount(file: string): number {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) / lineBytes;
}

describe('an agent that is killed 20 times', () => {
  it('loses no event that its embedded broker has acknowledged', async () => {
    const port = await freePort();
    await killRepeatedly({ mqtt: { listen: { port } } }, { port, what: 'embedded broker' });
  });

  it.skipIf(!hasMosquitto)(`loses no event that Mosquitto has acknowledged${note}`, async () => {
    // Unless told, it drops what is over a thousand messages for a session that is away.
    const broker = await duringTest.mosquitto({ settings: ['max_queued_messages 0'] });
    await killRepeatedly({ mqtt: { url: broker.url } }, { port: broker.port, what: 'Mosquitto' });
  });
});
