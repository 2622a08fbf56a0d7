import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Endpoint } from '../../src/functions/endpoint.ts';
import type { ProcessRuntime } from '../../src/functions/runtime.process.ts';
import { systemClock } from '../../src/support/clock.system.ts';
import { toBrambleError } from '../../src/support/errors.ts';
import { silentLog } from '../../src/support/log.ts';
import { CronScheduler } from '../../src/triggers/schedule/scheduler.cron.ts';
import {
  newProcessRuntime,
  type OpenRuntime,
  openProcessRuntime,
  probeDir,
  probeSpec,
} from '../support/process-runtime.ts';
import { buildRequest, codeOf, never, textOf } from '../support/requests.ts';
import { until } from '../support/wait.ts';

describe('the process runtime', () => {
  let open: OpenRuntime;
  let runtime: ProcessRuntime;
  beforeEach(async () => {
    open = await openProcessRuntime();
    runtime = open.runtime;
  });
  afterEach(() => open.close());

  const replicaOf = (name: string, of: ProcessRuntime = runtime): Promise<Endpoint> =>
    until(`a replica of ${name}`, () => of.endpoints(name)[0]);

  it('runs the same functions, with their replicas, after a restart', async () => {
    await runtime.deploy(probeSpec('fork', 'kept'));
    await runtime.scale('kept', 2);
    await runtime.deploy(probeSpec('fork', 'gone'));
    await runtime.remove('gone');
    const before = await runtime.list();
    await runtime.stop();

    const restarted = newProcessRuntime(open);
    await restarted.start();
    await until('both replicas', () => restarted.endpoints('kept').length === 2);
    expect(await restarted.list()).toEqual(before);
    await restarted.stop();
  });

  it('starts with the others when one stored function cannot be used', async () => {
    await runtime.deploy(probeSpec('fork', 'kept'));
    await open.store.putDocument('function', 'broken', { spec: { service: 'broken' } });
    await runtime.stop();
    const restarted = newProcessRuntime(open);
    await restarted.start();
    expect((await restarted.list()).map(({ name }) => name)).toEqual(['kept']);
    await restarted.stop();
  });

  it('keeps secrets where only its own user can read them, and shows a function only those it asked for', async () => {
    await runtime.secrets.create('mine', Buffer.from('m'));
    await runtime.secrets.create('other', Buffer.from('o'));
    expect((await stat(join(open.dataDir, 'secrets', 'mine'))).mode & 0o777).toBe(0o400);
    expect((await stat(join(open.dataDir, 'secrets'))).mode & 0o777).toBe(0o700);
    await runtime.deploy(probeSpec('fork', 'probe', { secrets: ['mine'] }));
    expect(await readdir(join(open.dataDir, 'functions', 'probe', 'secrets'))).toEqual(['mine']);
    await runtime.secrets.replace('mine', Buffer.from('new'));
    expect(await readFile(join(open.dataDir, 'functions', 'probe', 'secrets', 'mine'), 'utf8')).toBe('new');
  });

  it('says what is missing for an image that it cannot run', async () => {
    const err = await runtime.deploy({ service: 'nginx', image: 'nginx:latest' }).catch(toBrambleError);
    expect(err).toMatchObject({ code: 'INVALID', problems: [{ path: 'image' }] });
    expect(String(err)).toMatch(/runs commands, not images such as nginx:latest.*fprocess.*bramble\.lang/);
  });

  it('answers a call in less than exec_timeout where the caller asks for that (mode: http)', async () => {
    await runtime.deploy(probeSpec('http', 'probe', { envVars: { exec_timeout: '50s' } }));
    const replica = await replicaOf('probe');
    const call = (target: string, timeout: string) =>
      replica.invoke(buildRequest(target, { headers: { 'x-timeout': timeout } }), { signal: never });
    expect(await codeOf(call('/slow?60', '50ms'))).toBe('FUNCTION_TIMEOUT');
    for (const timeout of ['90s', '0s', 'soon'])
      expect(await textOf(await call('/slow?0', timeout))).toBe('slept');
  });

  it('refuses a schedule that can never be kept, at deployment and at update', async () => {
    const scheduler = new CronScheduler({ clock: systemClock, log: silentLog });
    const strict = newProcessRuntime({ ...open, scheduleProblem: (schedule) => scheduler.problem(schedule) });
    const scheduled = (schedule: string) => probeSpec('fork', 'report', { annotations: { schedule } });
    for (const schedule of ['61 * * * *', '0 0 30 2 *'])
      expect(await strict.deploy(scheduled(schedule)).then(() => undefined, toBrambleError)).toMatchObject({
        code: 'INVALID',
        problems: [{ path: 'annotations.schedule' }],
      });
    expect(await strict.list()).toEqual([]);
    await strict.deploy(scheduled('0 * * * *'));
    expect(await codeOf(strict.update(scheduled('61 * * * *')))).toBe('INVALID');
    expect(await strict.describe('report')).toMatchObject({ annotations: { schedule: '0 * * * *' } });
    await strict.stop();
  });

  it('refuses a handler folder, a program and a variable that cannot work, each by its name', async () => {
    const pathsOf = async (spec: Parameters<ProcessRuntime['deploy']>[0]) =>
      runtime.deploy(spec).then(
        () => [],
        (err) => toBrambleError(err).problems.map(({ path }) => path),
      );
    const place = { 'bramble.handler': '/no/such/folder' };
    expect(await pathsOf({ service: 'a', image: 'x', envProcess: 'cat', annotations: place })).toEqual([
      'annotations.bramble.handler',
    ]);
    expect(await pathsOf({ service: 'a', image: 'x', envProcess: 'no-such-program' })).toEqual([
      'envProcess',
    ]);
    expect(await pathsOf({ service: 'a', image: 'x', envProcess: 'cat', envVars: { 'a=b': '' } })).toEqual([
      'envVars.a=b',
    ]);
    expect(await pathsOf({ service: 'a', image: 'x', annotations: { 'bramble.lang': 'node' } })).toEqual([
      'annotations.bramble.handler',
    ]);
  });

  it('cuts off an answer over the limit, in each mode', async () => {
    const small = await openProcessRuntime({ maxAnswerBytes: 1_000 });
    onTestFinished(() => small.close());
    for (const mode of ['node', 'fork', 'http'] as const) {
      await small.runtime.deploy(probeSpec(mode, mode, { envVars: { long: 'x'.repeat(1_001) } }));
      // The echo may stream its answer, the variable comes with its length.
      for (const target of ['/echo', '/env?long']) {
        const endpoint = await replicaOf(mode, small.runtime);
        const work = endpoint.invoke(buildRequest(target, { body: Buffer.alloc(1_001) }), { signal: never });
        expect(await codeOf(work.then(textOf))).toBe('BODY_TOO_LARGE');
      }
    }
  });

  it('streams both ways through an HTTP function', async () => {
    await runtime.deploy(probeSpec('http', 'probe'));
    const endpoint = await replicaOf('probe');
    const body = new PassThrough();
    body.write('first');
    const response = await endpoint.invoke(buildRequest('/echo', { body }), { signal: never });
    const chunks = (response.body as AsyncIterable<Buffer> & object)[Symbol.asyncIterator](); // a stream: its length is unknown
    expect(String((await chunks.next()).value)).toBe('first');
    body.end('second');
    expect(String((await chunks.next()).value)).toBe('second');
    expect((await chunks.next()).done).toBe(true);
  });

  it('hands waiting requests to the next free worker', async () => {
    await runtime.deploy(probeSpec('node', 'probe', { labels: { 'com.openfaas.scale.min': '2' } }));
    const endpoints = await until('two replicas', () => {
      const found = runtime.endpoints('probe');
      return found.length === 2 ? found : undefined;
    });
    const [one] = endpoints;
    const slow = one?.invoke(buildRequest('/slow?1'), { signal: never });
    let isSlowDone = false;
    void slow?.then(() => {
      isSlowDone = true;
    });
    for (let i = 0; i < 20; i += 1) await one?.invoke(buildRequest('/echo'), { signal: never });
    expect(isSlowDone).toBe(false);
    await slow;
  });

  it('fails no request while a function under load is updated again and again', async () => {
    await runtime.deploy(probeSpec('node', 'probe', { labels: { 'com.openfaas.scale.min': '2' } }));
    await replicaOf('probe');
    let isUpdating = true;
    const callers = Array.from({ length: 4 }, async () => {
      let calls = 0;
      while (isUpdating) {
        const endpoint = await replicaOf('probe');
        const response = await endpoint.invoke(buildRequest('/echo', { body: Buffer.from('x') }), {
          signal: never,
        });
        expect(response.status).toBe(200);
        calls += 1;
      }
      return calls;
    });
    for (const version of ['2', '3', '4']) {
      await runtime.update(
        probeSpec('node', 'probe', { labels: { 'com.openfaas.scale.min': '2' }, envVars: { version } }),
      );
      await until(`version ${version} alone`, async () => {
        const answers = await Promise.all(
          runtime
            .endpoints('probe')
            .map(async (e) => textOf(await e.invoke(buildRequest('/env?version'), { signal: never }))),
        );
        return answers.length === 2 && answers.every((answer) => answer === version);
      });
    }
    isUpdating = false;
    for (const calls of await Promise.all(callers)) expect(calls).toBeGreaterThan(0);
  });

  it('counts a function whose program ends at once as not available', async () => {
    await runtime.deploy({
      service: 'broken',
      image: 'x',
      envProcess: '/bin/false',
      envVars: { mode: 'http' },
      annotations: { 'bramble.handler': probeDir },
    });
    expect(runtime.endpoints('broken')).toEqual([]);
    expect(await runtime.describe('broken')).toMatchObject({ replicas: 1, availableReplicas: 0 });
    await runtime.remove('broken');
  });
});
