import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { DatabaseSync } from '@photostructure/sqlite';
import { connectAsync } from 'mqtt';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Agent } from '../support/agent.ts';
import { metric } from '../support/agent-metrics.ts';
import { runBuiltCli } from '../support/built-cli.ts';
import { deploy, deployRecorder, linesOf, nodeHandler, type Recorded, send } from '../support/deployments.ts';
import { duringTest } from '../support/during-test.ts';
import { hasMosquitto, mosquittoPub } from '../support/mosquitto.ts';
import { canMount, mountTmpfs } from '../support/tmpfs.ts';
import { until } from '../support/wait.ts';

const note = hasMosquitto ? '' : ' (skipped: needs mosquitto-clients)';
const hasMount = process.env.CI !== undefined || canMount();

/** Ends when the file `gate` is there; before, it goes by what `closed` says: waits, or answers with a status. */
const gatedCode = `
import { appendFileSync, existsSync } from 'node:fs';
const { attempts_file, gate, closed } = process.env;
export default async ({ headers, body }, context) => {
  appendFileSync(attempts_file, Date.now() + ' ' + headers['ce-id'] + '\\n');
  if (closed !== 'wait' && !existsSync(gate)) {
    const [status, retryAfter] = closed.split(' ');
    context.headers(retryAfter === undefined ? {} : { 'retry-after': retryAfter });
    return context.status(Number(status)).succeed('closed');
  }
  while (!existsSync(gate)) await new Promise((resolve) => setTimeout(resolve, 10));
  return { passed: String(body) };
};
`;

interface Gated {
  open(): void;
  /** When and for which event it was called. */
  attempts(): readonly { readonly atMs: number; readonly id: string }[];
}

interface GatedSettings {
  /** `wait`, or the status and perhaps the Retry-After of its answer: `503 1`. */
  readonly closed: string;
  readonly annotations: Readonly<Record<string, string>>;
}

async function deployGated(
  agent: Agent,
  service: string,
  { closed, annotations }: GatedSettings,
): Promise<Gated> {
  const gate = join(agent.folder, `${service}.gate`);
  const file = join(agent.folder, `${service}.attempts`);
  await deploy(agent, {
    service,
    annotations: { ...nodeHandler(agent, service, gatedCode), ...annotations },
    envVars: { RAW_BODY: 'true', gate, closed, attempts_file: file },
  });
  return {
    open: () => writeFileSync(gate, ''),
    attempts: () =>
      linesOf(file).map((line) => {
        const [atMs, id = ''] = line.split(' ');
        return { atMs: Number(atMs), id };
      }),
  };
}

function publish({ brokerPort }: Agent, topic: string, message: string): Promise<void> {
  return mosquittoPub({ port: brokerPort }, ['-q', '1', '-t', topic, '-m', message]);
}

const ended = (agent: Agent, name: string, outcome: string) =>
  metric(agent, 'bramble_deliveries_total', { function_name: name, outcome });

describe.skipIf(!hasMosquitto)(`a function that does badly${note}`, () => {
  it('delays no other, whether it hangs or breaks', async () => {
    const agent = await duringTest.agent();
    const slow = await deployGated(agent, 'slow', { closed: 'wait', annotations: { topic: 'work/+' } });
    await deploy(agent, {
      service: 'broken',
      envProcess: 'false',
      annotations: { topic: 'work/+', 'com.openfaas.retry.min_wait': '1ms' },
    });
    const recorded = await deployRecorder(agent, { service: 'quick', annotations: { topic: 'work/#' } });
    const pieces = Array.from({ length: 20 }, (_, i) => `piece ${i}`);
    for (const piece of pieces) await publish(agent, 'work/a', piece);
    await until('the quick one has all', () => recorded().length === pieces.length);
    expect(recorded().map(({ body }) => body)).toEqual(pieces);
    expect(slow.attempts()).toHaveLength(1);
    expect(await ended(agent, 'slow', 'done')).toBe(0);
    slow.open();
    await until(
      'the slow one catches up',
      async () => (await ended(agent, 'slow', 'done')) === pieces.length,
    );
    await until(
      'the broken one is given up',
      async () => (await ended(agent, 'broken', 'dead')) === pieces.length,
    );
  });

  it('is tried again when its Retry-After has passed, also over a kill', async () => {
    const agent = await duringTest.agent();
    const busy = await deployGated(agent, 'busy', {
      closed: '503 2',
      annotations: { topic: 'work/#', 'com.openfaas.retry.min_wait': '1ms' },
    });
    await publish(agent, 'work/a', 'first');
    await until('the second attempt', () => busy.attempts().length === 2);
    await until('it is written down', async () => (await ended(agent, 'busy', 'retried')) === 2);
    await agent.kill();
    busy.open();
    const again = await duringTest.agent({ folder: agent.folder });
    await until('it is done', async () => (await ended(again, 'busy', 'done')) === 1);
    const times = busy.attempts().map(({ atMs }) => atMs);
    const waits = times.slice(1).map((atMs, i) => atMs - (times[i] ?? 0));
    expect(waits.length).toBeGreaterThanOrEqual(2);
    // The function notes the time after it was called: a millisecond or two are its own.
    for (const waitMs of waits) expect(waitMs).toBeGreaterThanOrEqual(1_950);
    expect(new Set(busy.attempts().map(({ id }) => id)).size).toBe(1);
  });

  it('leaves dead letters, which people list, read, replay and purge', async () => {
    const agent = await duringTest.agent();
    const heard = await duringTest.listener({ port: agent.brokerPort }, 'bramble/+/function/+');
    const picky = await deployGated(agent, 'picky', { closed: '422', annotations: { topic: 'work/#' } });
    await deploy(agent, {
      service: 'broken',
      envProcess: 'false',
      annotations: {
        topic: 'work/a',
        'com.openfaas.retry.attempts': '2',
        'com.openfaas.retry.min_wait': '1ms',
      },
    });
    await publish(agent, 'work/a', '{"size":1}');
    await until(
      'both are given up',
      async () => (await metric(agent, 'bramble_deliveries_total', { outcome: 'dead' })) === 2,
    );
    await until('the failures on the bus', () => heard.heard().length === 2);
    expect(heard.last('bramble/pi-01/function/picky')?.fields).toMatchObject({ ok: false, status: 422 });
    expect(heard.last('bramble/pi-01/function/broken')?.fields).toMatchObject({ ok: false, attempts: 2 });

    const bramble = async (...argv: string[]) => {
      const env = { BRAMBLE_GATEWAY: agent.url, BRAMBLE_PASSWORD: agent.password };
      const { exit, stdout, stderr } = await runBuiltCli(['dead-letters', ...argv], {
        cwd: agent.folder,
        env,
      });
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
      return stdout;
    };
    const list = async (...argv: string[]) => JSON.parse(await bramble('list', '--json', ...argv));
    expect(await bramble('list')).toMatch(/picky.*422.*work\/a.*status 422/);
    expect(await bramble('list')).toMatch(/broken.*2.*500.*work\/a.*status 500 after 2 attempts/);
    const [letter, ...others] = await list('--function', 'picky');
    expect(others).toEqual([]);
    expect(letter).toMatchObject({
      function: 'picky',
      attempts: 1,
      status: 422,
      reason: 'status 422',
      event: { topic: 'work/a', type: 'mqtt.message', dataBytes: 10 },
    });
    expect(JSON.parse(await bramble('show', String(letter.id), '--json'))).toMatchObject({
      event: { data: { size: 1 } },
    });

    picky.open();
    expect(await bramble('replay', String(letter.id))).toContain('1 queued again for picky');
    await until('it passes now', async () => (await ended(agent, 'picky', 'done')) === 1);
    expect(new Set(picky.attempts().map(({ id }) => id))).toEqual(new Set([letter.event.id]));
    expect(await list()).toMatchObject([{ function: 'broken' }]);
    expect(await bramble('purge', '--all')).toBe('1 deleted\n');
    expect(await list()).toEqual([]);
    expect(await bramble('list')).toContain('There are no dead letters.');
  });

  it('leaves dead letters that the API gives too, page by page', async () => {
    const agent = await duringTest.agent();
    const picky = await deployGated(agent, 'picky', { closed: '400', annotations: { topic: 'work/#' } });
    for (let i = 0; i < 5; i += 1) await publish(agent, `work/${i}`, `piece ${i}`);
    await until('all are given up', async () => (await ended(agent, 'picky', 'dead')) === 5);
    const ask = async (method: string, path: string, body?: unknown) => {
      const response =
        body === undefined ? await agent.fetch(path, { method }) : await send(agent, method, path, body);
      return { status: response.status, json: JSON.parse(await response.text()) };
    };
    const topics = ({ json }: { json: readonly { event: { topic: string } }[] }) =>
      json.map(({ event }) => event.topic);
    const first = await ask('GET', '/bramble/dead-letters?limit=3&function=picky');
    expect(topics(first)).toEqual(['work/4', 'work/3', 'work/2']);
    const second = await ask('GET', `/bramble/dead-letters?limit=3&before=${first.json.at(-1).id}`);
    expect(topics(second)).toEqual(['work/1', 'work/0']);

    picky.open();
    const ids = first.json.map(({ id }: { id: number }) => id);
    expect(await ask('POST', '/bramble/dead-letters/replay', { ids })).toMatchObject({
      status: 200,
      json: { replayed: 3, functions: ['picky'] },
    });
    await until('they pass now', async () => (await ended(agent, 'picky', 'done')) === 3);
    const [{ id }] = second.json;
    expect((await agent.fetch(`/bramble/dead-letters/${ids[0]}`)).status).toBe(404);
    expect(await ask('DELETE', `/bramble/dead-letters/${id}`)).toMatchObject({ json: { deleted: 1 } });
    expect(await ask('DELETE', '/bramble/dead-letters?function=picky')).toMatchObject({
      json: { deleted: 1 },
    });
    expect(await ask('GET', '/bramble/dead-letters')).toEqual({ status: 200, json: [] });
  });
});

describe.skipIf(!hasMount)(`a full disk${hasMount ? '' : ' (skipped: may not mount a tmpfs)'}`, () => {
  it('holds back acknowledgements until there is room again', async () => {
    const disk = mountTmpfs(8);
    onTestFinished(() => disk.unmount());
    const agent = await duringTest.agent({ config: { dataDir: join(disk.folder, 'data') } });
    const recorded = await deployRecorder(agent, { service: 'witness', annotations: { topic: 'work/#' } });
    const client = await connectAsync(`mqtt://127.0.0.1:${agent.brokerPort}`);
    onTestFinished(() => client.endAsync(true));
    const filler = join(disk.folder, 'filler');
    fill(filler);

    let acknowledged = 0;
    const events = 40;
    const bodies = Array.from({ length: events }, (_, i) => `${i} ${'x'.repeat(20_000)}`);
    for (const body of bodies)
      void client.publishAsync('work/a', body, { qos: 1 }).then(() => (acknowledged += 1));
    await until('an event finds no room', () => metric(agent, 'bramble_accept_retries_total'));
    expect(acknowledged).toBeLessThan(events);
    const call = await agent.fetch('/async-function/witness', { method: 'POST', body: 'x'.repeat(500_000) });
    expect(call.status).toBe(507);
    expect(await call.text()).toMatch(/disk .* is full/);
    expect((await agent.fetch('/healthz')).status).toBe(200);

    rmSync(filler);
    await until('all are acknowledged', () => acknowledged === events, 30_000);
    await until('all are handled', () => new Set(recorded().map(({ body }) => body)).size === events);
    expect(
      recorded()
        .map(({ body }) => body)
        .sort(),
    ).toEqual([...bodies].sort());
  });
});

/** Leaves not a byte. */
function fill(file: string): void {
  const chunk = Buffer.alloc(4_096);
  try {
    for (;;) writeFileSync(file, chunk, { flag: 'a' });
  } catch {
    // no space left on device: that is what it is for
  }
}

describe('a schedule', () => {
  const ticksOf = (recorded: readonly Recorded[]) =>
    recorded.map(({ body }) => Date.parse(JSON.parse(body).tick));

  it('of six fields ticks each second, also over a kill', async () => {
    const agent = await duringTest.agent();
    const recorded = await deployRecorder(agent, {
      service: 'clock',
      annotations: { schedule: '* * * * * *', 'bramble.overlap': 'queue' },
    });
    await until('the third tick', () => recorded().length >= 3);
    await agent.kill();
    const restartedMs = Date.now();
    const again = await duringTest.agent({ folder: agent.folder });
    await until('ticks after the restart', () =>
      ticksOf(recorded()).some((tickMs) => tickMs > restartedMs + 1_000),
    );
    await again.stop();
    const ticks = [...new Set(ticksOf(recorded()))];
    const [first = 0] = ticks;
    expect(ticks).toEqual(ticks.map((_, i) => first + 1_000 * i));
    expect(recorded()[0]?.topic).toBe('schedule/clock');
  });

  it('makes up for what it missed as the function asks', async () => {
    const agent = await duringTest.agent();
    const recorders = new Map<string, () => readonly Recorded[]>();
    for (const missed of ['skip', 'once', 'all']) {
      const annotations = { schedule: '0 * * * * *', 'bramble.missed': missed, 'bramble.overlap': 'queue' };
      recorders.set(missed, await deployRecorder(agent, { service: missed, annotations }));
    }
    const file = join(agent.folder, 'data/bramble.db');
    await until('the schedules are on disk', () => countSchedules(file) === recorders.size);
    // A tick of this minute counts as on time as long as the minute lasts.
    await until('a minute that is not about to end', () => Date.now() % 60_000 < 45_000);
    await agent.kill();
    const minuteMs = Math.floor(Date.now() / 60_000) * 60_000;
    setLastTicks(file, minuteMs - 600_000);
    const restartedMs = Date.now();
    await duringTest.agent({ folder: agent.folder });
    const missedTicks = (name: string) =>
      ticksOf(recorders.get(name)?.() ?? [])
        .filter((tickMs) => tickMs <= restartedMs)
        .sort((a, b) => a - b);
    await until('the last missed tick', () => missedTicks('all').length >= 10);
    expect(missedTicks('all')).toEqual(Array.from({ length: 10 }, (_, i) => minuteMs - 60_000 * (9 - i)));
    await until('one for all', () => missedTicks('once').length >= 1);
    expect(missedTicks('once')).toEqual([minuteMs]);
    // The newest may be so young that it was not missed.
    expect(missedTicks('skip').filter((tickMs) => tickMs < minuteMs)).toEqual([]);
  });
});

function countSchedules(file: string): number {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    return db.prepare("SELECT count(*) AS count FROM documents WHERE kind = 'schedule'").get().count;
  } finally {
    db.close();
  }
}

/** As if the agent had been away since then. */
function setLastTicks(file: string, lastMs: number): void {
  const db = new DatabaseSync(file);
  try {
    db.prepare("UPDATE documents SET json = json_set(json, '$.lastMs', ?) WHERE kind = 'schedule'").run(
      lastMs,
    );
  } finally {
    db.close();
  }
}

describe('an async call', () => {
  interface Posted {
    readonly headers: IncomingHttpHeaders;
    readonly body: string;
  }

  async function startReceiver(): Promise<{ url: string; posted: readonly Posted[] }> {
    const posted: Posted[] = [];
    const server = createServer(async (request, response) => {
      posted.push({ headers: request.headers, body: await text(request) });
      response.end();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo; // a TCP server that listens
    return { url: `http://127.0.0.1:${port}/answers`, posted };
  }

  it('is answered at its X-Callback-Url, well or badly', async () => {
    const agent = await duringTest.agent();
    await deploy(agent, { service: 'upper', envProcess: 'tr a-z A-Z' });
    await deploy(agent, {
      service: 'broken',
      envProcess: 'false',
      annotations: { 'com.openfaas.retry.attempts': '1' },
    });
    const { url, posted } = await startReceiver();
    const callId: Record<string, string | null> = {};
    for (const name of ['upper', 'broken']) {
      const accepted = await agent.fetch(`/async-function/${name}/path?q=1`, {
        method: 'POST',
        body: 'hello',
        headers: { 'x-callback-url': url, 'content-type': 'text/plain' },
      });
      expect(accepted.status).toBe(202);
      callId[name] = accepted.headers.get('x-call-id');
    }
    const answerOf = (name: string) => posted.find(({ headers }) => headers['x-function-name'] === name);
    const good = await until('the good answer', () => answerOf('upper'));
    expect(good.body).toBe('HELLO');
    expect(good.headers).toMatchObject({ 'x-call-id': callId.upper, 'x-function-status': '200' });
    expect(Number(good.headers['x-duration-seconds'])).toBeGreaterThan(0);
    const bad = await until('the bad answer', () => answerOf('broken'));
    expect(bad.headers).toMatchObject({ 'x-call-id': callId.broken, 'x-function-status': '500' });
  });

  it('survives a kill while its function runs', async () => {
    const agent = await duringTest.agent();
    const slow = await deployGated(agent, 'slow', { closed: 'wait', annotations: {} });
    const { url, posted } = await startReceiver();
    const headers = { 'x-callback-url': url };
    const accepted = await agent.fetch('/async-function/slow', { method: 'POST', body: 'later', headers });
    expect(accepted.status).toBe(202);
    await until('it runs', () => slow.attempts().length === 1);
    await agent.kill();
    slow.open();
    await duringTest.agent({ folder: agent.folder });
    const answer = await until('the answer', () => posted[0]);
    expect(JSON.parse(answer.body)).toEqual({ passed: 'later' });
    expect(answer.headers['x-call-id']).toBe(accepted.headers.get('x-call-id'));
  });
});
