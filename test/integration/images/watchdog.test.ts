import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { lacksPython } from '../../support/python.ts';
import { root } from '../../support/repo.ts';
import { until } from '../../support/wait.ts';

interface Language {
  readonly name: string;
  readonly command: readonly string[];
  readonly file: string;
  /** Answers with the body; waits first as long as the header `x-wait` says, in milliseconds; fails when told to. */
  readonly handler: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly lateStatus: number;
}

const watchdog = join(root, 'functions/watchdog');
const languages: readonly Language[] = [
  {
    name: 'Node.js',
    command: [process.execPath, join(watchdog, 'watchdog.mjs')],
    file: 'handler.mjs',
    handler: `export default async ({ body, headers, query, path, method }, context) => {
      console.log('log line');
      await new Promise((resolve) => setTimeout(resolve, Number(headers['x-wait'] ?? 0)));
      if (query.fail) throw new Error('asked to fail');
      return context.headers({ 'x-seen': method + ' ' + path }).succeed(body);
    };`,
    lateStatus: 504,
  },
  {
    name: 'Python',
    command: ['python3', '-u', join(watchdog, 'watchdog.py')],
    file: 'handler.py',
    handler: `
import time
def handle(event, context):
    print("log line")
    time.sleep(float(event.headers.get("x-wait", "0")) / 1000)
    if "fail" in event.query:
        raise ValueError("asked to fail")
    return {"statusCode": 200, "body": event.body.decode(), "headers": {"X-Seen": event.method + " " + event.path}}
`,
    lateStatus: 504,
  },
  {
    name: 'a program',
    command: [process.execPath, join(watchdog, 'watchdog.mjs')],
    file: 'handler.sh',
    handler: `#!/bin/sh
echo log line >&2
[ -z "$Http_X_Wait" ] || sleep "$(echo "$Http_X_Wait" | sed 's/...$/.&/')"
case "$Http_Query" in *fail*) echo asked to fail; exit 3;; esac
exec cat
`,
    env: { fprocess: './handler.sh' },
    lateStatus: 408,
  },
];

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

interface Served {
  readonly url: string;
  readonly child: ChildProcess;
  readonly log: readonly string[];
}

async function start({ command, file, handler, env }: Language, more: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-watchdog-'));
  writeFileSync(join(folder, file), handler, { mode: 0o755 });
  const [program = '', ...args] = command;
  const { PATH = '' } = process.env;
  const child = spawn(program, args, {
    cwd: folder,
    env: { PATH, port: '0', suppress_lock: 'true', PYTHONDONTWRITEBYTECODE: '1', ...env, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  ends.push(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });
  const log: string[] = [];
  for (const output of [child.stdout, child.stderr])
    createInterface(output).on('line', (line) => log.push(line));
  const port = await until('the function listens', () => {
    if (child.exitCode !== null) throw new Error(`it ended: ${log.join('\n')}`);
    return log.map((line) => /^serving on port (\d+)/.exec(line)?.[1]).find((one) => one !== undefined);
  });
  return { url: `http://127.0.0.1:${port}`, child, log } satisfies Served;
}

/** With `transfer-encoding: chunked`, which `fetch` does not do for text. */
async function postChunked(url: string, parts: readonly string[]): Promise<string> {
  const request = httpRequest(url, { method: 'POST', headers: { 'content-type': 'text/plain' } });
  for (const part of parts) request.write(part);
  request.end();
  const [response] = await once(request, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const plain = { 'content-type': 'text/plain' };

describe.each(languages)('an image of $name', (language) => {
  const isSkipped = language.name === 'Python' && lacksPython;

  it.skipIf(isSkipped)('answers with what the function returns, and says how long it took', async () => {
    const { url, log } = await start(language);
    const answer = await fetch(`${url}/a/b?c=d`, { method: 'POST', body: 'grüß dich', headers: plain });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe('grüß dich');
    expect(answer.headers.get('x-duration-seconds')).toMatch(/^\d+\.\d{6}$/);
    if (language.env === undefined) expect(answer.headers.get('x-seen')).toBe('POST /a/b');
    await until('its output is in the log', () => log.includes('log line'));
  });

  it.skipIf(isSkipped)('takes a body whose length is not told', async () => {
    const { url } = await start(language);
    expect(await postChunked(url, ['one ', 'two ', 'three'])).toBe('one two three');
  });

  it.skipIf(isSkipped)('answers 500 for a failure and goes on', async () => {
    const { url } = await start(language);
    const failed = await fetch(`${url}/?fail=1`, { method: 'POST', body: 'x', headers: plain });
    expect(failed.status).toBe(500);
    expect(await failed.text()).toContain('asked to fail');
    expect(await (await fetch(url, { method: 'POST', body: 'still here', headers: plain })).text()).toBe(
      'still here',
    );
  });

  it.skipIf(isSkipped)('is healthy, and refuses what is over max_inflight', async () => {
    const { url } = await start(language, { max_inflight: '1' });
    expect(await (await fetch(`${url}/_/health`)).text()).toBe('OK');
    const first = fetch(url, { method: 'POST', body: 'first', headers: { ...plain, 'x-wait': '1500' } });
    await until('it is full', async () => (await fetch(`${url}/_/ready`)).status === 503);
    const refused = await fetch(url, { method: 'POST', body: 'second', headers: plain });
    expect(refused.status).toBe(429);
    expect(await refused.text()).toContain('Concurrent request limit exceeded');
    expect(await (await first).text()).toBe('first');
  });

  it.skipIf(isSkipped)('gives up after exec_timeout', async () => {
    const { url } = await start(language, { exec_timeout: '200ms' });
    const late = await fetch(url, { method: 'POST', body: 'x', headers: { ...plain, 'x-wait': '2500' } });
    expect(late.status).toBe(language.lateStatus);
  });

  it.skipIf(isSkipped)('finishes what runs when it is told to stop', async () => {
    const { url, child } = await start(language);
    const running = fetch(url, {
      method: 'POST',
      body: 'last words',
      headers: { ...plain, 'x-wait': '2000' },
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect((await fetch(`${url}/_/health`)).status).toBe(200);
    child.kill('SIGTERM');
    const health = () =>
      fetch(`${url}/_/health`).then(
        ({ status }) => status,
        () => 'it listens no more', // on a busy machine we may come too late for the second in which it says so
      );
    const state = await until('it says that it stops', async () => {
      const answer = await health();
      return answer !== 200 && answer;
    });
    expect([503, 'it listens no more']).toContain(state);
    expect(await (await running).text()).toBe('last words');
    if (child.exitCode === null) await once(child, 'exit');
    expect(child.exitCode).toBe(0);
  });
});

it.skipIf(lacksPython)('Python stops, whichever thread the signal comes to', async () => {
  const python = languages.find(({ name }) => name === 'Python') as Language;
  const handler = `
import signal, threading
def handle(event, context):
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    return "told"
`;
  const { url, child } = await start({ ...python, handler });
  expect(await (await fetch(url)).text()).toBe('told');
  await until('it ends', () => child.exitCode !== null);
  expect(child.exitCode).toBe(0);
});
