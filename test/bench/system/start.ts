import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent } from '../../support/agent.ts';
import { mosquittoPub, startMosquitto } from '../../support/mosquitto.ts';
import { freePort } from '../../support/ports.ts';
import { root } from '../../support/repo.ts';
import { until } from '../../support/wait.ts';
import { echoSpecs, writeEchoes } from '../echoes.ts';
import { median, wrk } from '../measure.ts';
import type { Bench, Row } from '../rows.ts';
import { deploy, residentMB, startShippedAgent } from './shipped-agent.ts';

const starts = 5;
const idleMs = 3_000;
const loadSeconds = 3;
const events = 2_000;

export const startBench: Bench = {
  name: 'system-start',
  title: 'Memory and start',
  method:
    `The built agent with all roles, simulated sensors and the functions that ship. Ready: from the start of the process ` +
    `until \`/readyz\` says so, median of ${starts} starts. Memory: resident set of the agent without its functions, ` +
    `${idleMs / 1000} s after the start; then the most it ever was, when a function has had ${events} events and ` +
    `${loadSeconds} s of requests over 64 connections. Against a bare Node.js that serves HTTP.`,
  async measure() {
    const folder = await writeEchoes();
    const broker = await startMosquitto({ settings: ['max_queued_messages 0'] });
    try {
      const bare = await measureBare(folder);
      return [
        ...(await measureAgent('embedded broker', { folder, bare })),
        ...(await measureAgent('Mosquitto', { folder, bare, url: broker.url })),
      ];
    } finally {
      await broker.remove();
      await rm(folder, { recursive: true });
    }
  },
};

interface Figures {
  readonly readyMs: number;
  readonly idleMB: number;
  readonly peakMB: number;
}

async function measureAgent(
  broker: string,
  { folder, bare, url }: { folder: string; bare: Figures; url?: string },
): Promise<Row[]> {
  const config = {
    functions: { stack: join(root, 'functions/stack.yml') },
    ...(url === undefined ? {} : { mqtt: { url } }),
  };
  const readyMs: number[] = [];
  const ownMs: number[] = [];
  for (let start = 0; start < starts; start += 1) {
    const startMs = performance.now();
    const agent = await startShippedAgent({ config });
    readyMs.push(performance.now() - startMs);
    ownMs.push(Number(/"startMs":(\d+)/.exec(agent.output())?.[1]));
    await end(agent);
  }
  const agent = await startShippedAgent({ config });
  try {
    await sleep(idleMs);
    const idleMB = residentMB(agent.child.pid, 'VmRSS');
    await putUnderLoad(agent, { folder, brokerPort: url ? Number(new URL(url).port) : agent.brokerPort });
    const peakMB = residentMB(agent.child.pid, 'VmHWM');
    const what = 'bare Node.js';
    return [
      {
        what: `ready, ${broker}`,
        ours: median(readyMs),
        unit: 'ms',
        also: `${median(ownMs)} ms by its own clock`,
        reference: { what, value: bare.readyMs },
        target: { below: 1_000 },
      },
      {
        what: `memory when idle, ${broker}`,
        ours: idleMB,
        unit: 'MB',
        reference: { what, value: bare.idleMB },
        target: { below: 110 },
      },
      {
        what: `most memory under load, ${broker}`,
        ours: peakMB,
        unit: 'MB',
        reference: { what, value: bare.peakMB },
      },
    ];
  } finally {
    await end(agent);
  }
}

async function putUnderLoad(
  agent: Agent,
  { folder, brokerPort }: { folder: string; brokerPort: number },
): Promise<void> {
  const spec = echoSpecs(folder)['framed Node.js'];
  if (spec === undefined) throw new Error('there is no such echo');
  await deploy(agent, { ...spec, annotations: { ...spec.annotations, topic: 'bench/memory' } });
  await wrk(`${agent.url}/function/${spec.service}`, {
    connections: 64,
    seconds: loadSeconds,
    script: join(folder, 'post.lua'),
  });
  await mosquittoPub({ port: brokerPort }, [
    '-t',
    'bench/memory',
    '-q',
    '1',
    '-m',
    'hello',
    '--repeat',
    `${events}`,
  ]);
  await until('all events are handled', async () => {
    const metrics = await (await agent.fetch('/metrics')).text();
    const done = /^bramble_deliveries_total\{function_name="node",outcome="done"\} (\d+)/m.exec(metrics)?.[1];
    return Number(done) >= events;
  });
}

async function measureBare(folder: string): Promise<Figures> {
  const readyMs: number[] = [];
  for (let start = 0; start < starts; start += 1) {
    const startMs = performance.now();
    const { child } = await startBare(folder);
    readyMs.push(performance.now() - startMs);
    await kill(child);
  }
  const { child, url } = await startBare(folder);
  await sleep(idleMs);
  const idleMB = residentMB(child.pid, 'VmRSS');
  await wrk(url, { connections: 64, seconds: loadSeconds, script: join(folder, 'post.lua') });
  const peakMB = residentMB(child.pid, 'VmHWM');
  await kill(child);
  return { readyMs: median(readyMs), idleMB, peakMB };
}

/** A function's own server, as a program of its own. */
export async function startBare(folder: string): Promise<{ child: ChildProcess; url: string }> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, ['--max-semi-space-size=1', join(folder, 'server.mjs')], {
    env: { ...process.env, PORT: `${port}` },
    stdio: 'inherit',
  });
  await until('the bare server answers', () =>
    fetch(url).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  return { child, url };
}

export async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Stops the agent and removes its data. */
export async function end(agent: Agent): Promise<void> {
  await agent.stop();
  agent.remove();
}
