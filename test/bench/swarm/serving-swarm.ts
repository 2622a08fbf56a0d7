import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { topics } from '../../../src/events/topics.ts';
import { decodeCatalogue } from '../../../src/functions/catalogue-message.ts';
import type { Agent } from '../../support/agent.ts';
import { startDocker } from '../../support/docker/docker.ts';
import { buildImage, buildImages } from '../../support/docker/images.ts';
import { openFunctionsNetwork } from '../../support/docker/swarm-runtime.ts';
import { startMosquitto } from '../../support/mosquitto.ts';
import { freePort } from '../../support/ports.ts';
import { openParts, type Undo } from '../../support/undo.ts';
import { until } from '../../support/wait.ts';
import { writeEchoes } from '../echoes.ts';
import { deploy, startShippedAgent } from '../system/shipped-agent.ts';
import { openPlace, type Place } from './place.ts';

const image = 'bramble-bench/echo';

/** A Swarm of one node whose functions one agent serves. */
export interface ServingSwarm {
  /** Where its agent is. */
  readonly place: Place;
  /** The built program with the role `serve`, which knows the functions from the broker. */
  readonly agent: Agent;
  /** `post.lua` for wrk. */
  readonly script: string;
  /** Deploys the echo as containers; resolves to their addresses when the agent calls all of them. */
  deployEcho(name: string, replicas: number): Promise<readonly string[]>;
  stop(): Promise<void>;
}

export function openServingSwarm(): Promise<ServingSwarm> {
  return openParts(open);
}

async function open(undo: Undo, stop: () => Promise<void>): Promise<ServingSwarm> {
  const folder = await writeEchoes();
  undo.push(() => rm(folder, { recursive: true }));
  const docker = await startDocker();
  undo.push(() => docker.stop());
  await docker.swarmInit();
  await buildImages(docker, ['node']);
  await buildImage(docker, image, {
    files: { 'server.mjs': await readFile(join(folder, 'server.mjs'), 'utf8') },
    dockerfile: [
      'FROM bramble-test/node',
      'COPY server.mjs /server.mjs',
      'ENV PORT=8080 HOST=0.0.0.0',
      'CMD ["/usr/local/bin/node", "--max-semi-space-size=1", "/server.mjs"]',
    ].join('\n'),
  });
  const door = await openFunctionsNetwork(docker);
  undo.push(() => door.close());
  const place = await openPlace(docker, 'functions');
  const doorPort = await freePort();
  const broker = await startMosquitto({ settings: [`listener ${doorPort} ${docker.hostAddress}`] });
  undo.push(() => broker.remove());
  const functions = { runtime: 'swarm' };
  const manager = await startShippedAgent({
    config: {
      functions,
      mqtt: { url: broker.url },
      roles: ['control'],
      node: { name: 'manager' },
      control: { dockerSocket: docker.socketPath },
    },
  });
  undo.push(() => end(manager));
  const agent = await startShippedAgent({
    inside: place.inside,
    host: place.address,
    config: {
      functions,
      mqtt: { url: `mqtt://${docker.hostAddress}:${doorPort}` },
      roles: ['serve'],
      node: { name: 'node-1' },
      gateway: { host: '0.0.0.0' },
    },
  });
  undo.push(() => end(agent));
  return {
    place,
    agent,
    script: join(folder, 'post.lua'),
    async deployEcho(name, replicas) {
      const count = `${replicas}`;
      const labels = { 'com.openfaas.scale.min': count, 'com.openfaas.scale.max': count };
      await deploy(manager, { service: name, image, labels });
      const addresses = await readAddresses(broker.url, name, replicas);
      await until(`${name} answers`, async () => (await agent.fetch(`/function/${name}`)).ok);
      return addresses;
    },
    stop,
  };
}

/** From what the manager told all agents. */
async function readAddresses(brokerUrl: string, name: string, replicas: number): Promise<readonly string[]> {
  const client = await connectAsync(brokerUrl);
  try {
    let addresses: readonly string[] = [];
    client.on('message', (_topic, payload) => {
      addresses = decodeCatalogue(payload, name).endpoints.map(({ address }) => address);
    });
    await client.subscribeAsync(topics.catalogue(name));
    await until(`${replicas} replicas are known`, () => addresses.length === replicas);
    return addresses;
  } finally {
    await client.endAsync();
  }
}

async function end(agent: Agent): Promise<void> {
  await agent.stop();
  agent.remove();
}
