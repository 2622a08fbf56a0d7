import { type BrambleSwarm, openBrambleSwarm } from '../support/docker/bramble-swarm.ts';
import { buildImage, copyImages } from '../support/docker/images.ts';
import { until } from '../support/wait.ts';
import { median } from './measure.ts';
import type { Bench, Row } from './rows.ts';

const times = 8;
const nodes = [0, 1, 2];
const name = 'changing';
const image = 'bramble-bench/listener';
const limitMs = 60_000;

export const catalogueBench: Bench = {
  name: 'catalogue',
  title: 'A change, until every agent serves it',
  method:
    'Bramble’s stack on a real Swarm of three Docker Engines, each with its agent; one of them manages. A function is deployed, ' +
    'scaled from 1 to 3 replicas and removed by the API; all three agents are asked again and again, until each has answered from ' +
    'every replica, or refuses. A new replica counts from the moment when it listens, by its own clock: before that the Swarm starts a ' +
    `container, and that a Node.js, which takes what it takes. A removal counts from its request. Median of ${times} times.`,
  async measure() {
    const swarm = await openBrambleSwarm({ nodes: nodes.length });
    try {
      await buildListener(swarm);
      const deployed: Change[] = [];
      const scaled: Change[] = [];
      const removed: Change[] = [];
      for (let i = 0; i < times; i += 1) {
        deployed.push(await measureStart(swarm, 1, () => deploy(swarm)));
        scaled.push(await measureStart(swarm, 3, () => scale(swarm, 3)));
        removed.push(await measureRemoval(swarm));
      }
      return [
        toRow('a new function listens → served by all agents', deployed),
        toRow('two more replicas listen → served by all agents', scaled),
        toRow('removed → refused by all agents', removed),
      ];
    } finally {
      await swarm.stop();
    }
  },
};

/** Tells which container it is, and since when it listens. */
async function buildListener({ swarm }: BrambleSwarm): Promise<void> {
  const [manager, ...others] = swarm.nodes;
  if (manager === undefined) throw new Error('a Swarm has a manager');
  const program =
    "import { createServer } from 'node:http';\n" +
    'let since;\n' +
    "createServer((_, response) => response.end(process.env.HOSTNAME + ' ' + since))\n" +
    "  .listen(8080, '0.0.0.0', () => { since = Date.now(); });\n" +
    "process.on('SIGTERM', () => process.exit());\n";
  await buildImage(manager, image, {
    files: { 'listener.mjs': program },
    dockerfile: 'FROM bramble-test/node\nCOPY listener.mjs /\nCMD ["/usr/local/bin/node", "/listener.mjs"]\n',
  });
  await copyImages(manager, others, [image]);
}

/** What it took until every agent served it: since the replicas were there, and since it was asked for. */
interface Change {
  readonly servedMs: number;
  readonly allMs: number;
}

async function measureStart(
  swarm: BrambleSwarm,
  replicas: number,
  change: () => Promise<void>,
): Promise<Change> {
  const askedMs = Date.now();
  await change();
  const sinceMs = await Promise.all(nodes.map((node) => untilServed(swarm, node, replicas)));
  const nowMs = Date.now();
  return { servedMs: nowMs - Math.max(...sinceMs), allMs: nowMs - askedMs };
}

async function measureRemoval(swarm: BrambleSwarm): Promise<Change> {
  const askedMs = Date.now();
  await manage(swarm, 'DELETE', '/system/functions', { functionName: name });
  await Promise.all(
    nodes.map((node) =>
      until(`node ${node} refuses`, async () => (await ask(swarm, node)).status === 404, limitMs),
    ),
  );
  const allMs = Date.now() - askedMs;
  await until('no container is left', () => hasNoContainer(swarm), limitMs);
  return { servedMs: allMs, allMs };
}

/**
 * Until this node's agent has had answers of so many replicas; resolves to when the last of them began to listen. Several
 * ask at once: one alone would always get the replica that is nearest.
 */
async function untilServed(swarm: BrambleSwarm, node: number, replicas: number): Promise<number> {
  const since = new Map<string, number>();
  const look = async () => {
    const response = await ask(swarm, node);
    const [container = '', sinceMs] = (await response.text()).split(' ');
    if (response.ok) since.set(container, Number(sinceMs));
  };
  await until(
    `node ${node} serves ${replicas} replicas`,
    async () => {
      await Promise.all(Array.from({ length: replicas }, look));
      return since.size === replicas;
    },
    limitMs,
  );
  return Math.max(...since.values());
}

function ask(swarm: BrambleSwarm, node: number): Promise<Response> {
  return swarm.call(node, `/function/${name}`);
}

function deploy(swarm: BrambleSwarm): Promise<void> {
  return manage(swarm, 'POST', '/system/functions', { service: name, image });
}

function scale(swarm: BrambleSwarm, replicas: number): Promise<void> {
  return manage(swarm, 'POST', `/system/scale-function/${name}`, { serviceName: name, replicas });
}

async function manage(swarm: BrambleSwarm, method: string, path: string, body: object): Promise<void> {
  const response = await swarm.call(0, path, { method, body: JSON.stringify(body) });
  if (!response.ok)
    throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
}

async function hasNoContainer({ swarm }: BrambleSwarm): Promise<boolean> {
  const filter = `label=com.docker.swarm.service.name=${name}`;
  const found = await Promise.all(
    swarm.nodes.map((node) => node.docker('ps', '--quiet', '--filter', filter)),
  );
  return found.every((ids) => ids === '');
}

function toRow(what: string, changes: readonly Change[]): Row {
  const longest = Math.max(...changes.map(({ servedMs }) => servedMs));
  const all = median(changes.map(({ allMs }) => allMs));
  return {
    what,
    ours: median(changes.map(({ servedMs }) => servedMs)),
    unit: 'ms',
    also: `longest ${longest} ms; from the request ${all} ms`,
    target: { below: 1_000 },
  };
}
