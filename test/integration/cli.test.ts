import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { runBuiltCli, startCli } from '../support/built-cli.ts';
import { fakeContext } from '../support/cli-context.ts';
import {
  empty,
  type FakeGateway,
  json,
  openFakeGateway,
  type Route,
  refuse,
} from '../support/fake-gateway.ts';
import { freePort } from '../support/ports.ts';
import { until } from '../support/wait.ts';

let gateway: FakeGateway;
let folder: string;
beforeEach(async () => {
  gateway = await openFakeGateway();
  folder = mkdtempSync(join(tmpdir(), 'bramble-cli-'));
});
afterEach(async () => {
  await gateway.close();
  rmSync(folder, { recursive: true });
});

interface Surroundings {
  readonly env?: Record<string, string>;
  readonly stdin?: string | Buffer;
}

const login = () => ({ BRAMBLE_GATEWAY: gateway.url, BRAMBLE_PASSWORD: 'hush' });
const bramble = (argv: string[], { env = {}, ...rest }: Surroundings = {}) =>
  runBuiltCli(argv, { cwd: folder, env: { ...login(), ...env }, ...rest });

/** Runs with `--json` and gives what was printed, parsed. */
async function brambleJson(argv: string[], surroundings: Surroundings = {}): Promise<unknown> {
  const { exit, stdout, stderr } = await bramble([...argv, '--json'], surroundings);
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
  return JSON.parse(stdout);
}

const guard = {
  name: 'guard',
  image: 'guard:latest',
  replicas: 2,
  availableReplicas: 1,
  invocationCount: 7,
  createdAt: '2026-05-01T12:00:00Z',
  annotations: { topic: 'bramble/+/motion/+', schedule: '0 * * * *' },
  labels: { team: 'home' },
};

describe('bramble list', () => {
  beforeEach(() => gateway.on('GET /system/functions', json([guard, { name: 'echo', image: 'echo:1' }])));

  it('shows functions in a table, by name', async () => {
    const { exit, stdout } = await bramble(['list']);
    expect(exit).toBe(0);
    expect(stdout).toBe(
      [
        'FUNCTION  READY  CALLS  IMAGE         TRIGGERS',
        'echo      0/0    0      echo:1',
        'guard     1/2    7      guard:latest  bramble/+/motion/+; cron 0 * * * *',
        '',
      ].join('\n'),
    );
  });

  it('prints what the gateway said with --json', async () => {
    expect(await brambleJson(['ls'])).toEqual([guard, { name: 'echo', image: 'echo:1' }]);
  });

  it('sends user and password', async () => {
    await bramble(['list', '--user', 'eve']);
    const token = Buffer.from('eve:hush').toString('base64');
    expect(gateway.seen[0]?.headers.authorization).toBe(`Basic ${token}`);
  });

  it('takes the password from standard input', async () => {
    await bramble(['list', '--password-stdin'], { stdin: 'piped\n' });
    const token = Buffer.from('admin:piped').toString('base64');
    expect(gateway.seen[0]?.headers.authorization).toBe(`Basic ${token}`);
  });

  it('says what to do when there are none', async () => {
    gateway.on('GET /system/functions', json([]));
    expect((await bramble(['list'])).stdout).toContain('bramble deploy -f stack.yml');
  });
});

describe('bramble describe', () => {
  it('shows one function', async () => {
    gateway.on('GET /system/function/guard', json(guard));
    const { exit, stdout } = await bramble(['describe', 'guard']);
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^State +ready$/m);
    expect(stdout).toMatch(/^Replicas +1 of 2$/m);
    expect(stdout).toContain(`${gateway.url}/function/guard`);
    expect(await brambleJson(['describe', 'guard'])).toEqual(guard);
  });

  it('ends with status 4 for a function that is not there', async () => {
    gateway.on('GET /system/function/nope', refuse('FUNCTION_NOT_FOUND', 404, 'no function nope'));
    const { exit, stdout, stderr } = await bramble(['describe', 'nope']);
    expect({ exit, stdout, stderr }).toEqual({ exit: 4, stdout: '', stderr: 'bramble: no function nope\n' });
  });
});

describe('bramble deploy', () => {
  const stack = (more = '') => `
provider: { name: openfaas, gateway: ${more || 'http://127.0.0.1:9'} }
functions:
  echo: { image: 'echo:1', fprocess: cat }
  guard: { image: 'guard:1', fprocess: cat }
`;
  const ready = (name: string) => json({ name, replicas: 1, availableReplicas: 1 });
  beforeEach(() => {
    writeFileSync(join(folder, 'stack.yml'), stack());
    gateway.on('PUT /system/functions', empty(202));
    gateway.on('GET /system/function/echo', ready('echo'));
    gateway.on('GET /system/function/guard', ready('guard'));
  });

  it('updates what is there and creates what is not, and prints addresses', async () => {
    gateway.on('PUT /system/functions', (request, response) => {
      const { service } = JSON.parse(request.body.toString());
      const answer = service === 'echo' ? refuse('FUNCTION_NOT_FOUND', 404) : empty(202);
      answer(request, response);
    });
    gateway.on('POST /system/functions', empty(202));
    const { exit, stdout } = await bramble(['deploy', '-f', 'stack.yml']);
    expect(exit).toBe(0);
    expect(stdout).toBe(
      `echo created: ${gateway.url}/function/echo\nguard updated: ${gateway.url}/function/guard\n`,
    );
    const created = gateway.seen.find(({ method }) => method === 'POST');
    expect(JSON.parse(String(created?.body))).toMatchObject({ service: 'echo', image: 'echo:1' });
  });

  it('finds stack.yml in the folder, and deploys the functions named with --only', async () => {
    expect(await brambleJson(['deploy', '--only', 'guard'])).toEqual({
      functions: [{ name: 'guard', outcome: 'updated', isReady: true, url: `${gateway.url}/function/guard` }],
    });
  });

  it('goes to the gateway that the stack file names when nothing else does', async () => {
    writeFileSync(join(folder, 'stack.yml'), stack(gateway.url));
    const { exit } = await bramble(['deploy'], { env: { BRAMBLE_GATEWAY: '' } });
    expect(exit).toBe(0);
    expect(gateway.seen).not.toEqual([]);
  });

  it('waits until a function is ready', async () => {
    let asked = 0;
    gateway.on('GET /system/function/echo', (request, response) => {
      asked += 1;
      json({ name: 'echo', replicas: 1, availableReplicas: asked < 3 ? 0 : 1 })(request, response);
    });
    await bramble(['deploy', '--only', 'echo']);
    expect(asked).toBe(3);
  });

  it('does not wait with --no-wait', async () => {
    await bramble(['deploy', '--no-wait']);
    expect(gateway.seen.every(({ method }) => method === 'PUT')).toBe(true);
  });

  it('deploys the others when one fails, and ends with the status of the failure', async () => {
    gateway.on('GET /system/function/echo', json({ name: 'echo', replicas: 1 }));
    const { exit, stdout } = await bramble(['deploy', '--timeout', '0.1']);
    expect(exit).toBe(7);
    expect(stdout).toMatch(/^echo failed: .*bramble logs echo$/m);
    expect(stdout).toMatch(/^guard updated: /m);
  });

  it('names the functions of the file when --only names another', async () => {
    const { exit, stderr } = await bramble(['deploy', '--only', 'nope']);
    expect(exit).toBe(2);
    expect(stderr).toContain('no function nope; it has echo, guard');
  });

  it('lists the problems of a stack file in JSON', async () => {
    writeFileSync(join(folder, 'stack.yml'), 'functions: { echo: { image: 7 } }\n');
    const { exit, stderr } = await bramble(['deploy', '--json']);
    expect(exit).toBe(2);
    expect(JSON.parse(stderr).error).toMatchObject({
      code: 'INVALID',
      problems: [{ path: expect.stringContaining('echo') }],
    });
  });
});

describe('bramble remove', () => {
  it('removes functions by name and by stack file', async () => {
    gateway.on('DELETE /system/functions', empty(202));
    writeFileSync(join(folder, 'stack.yml'), 'functions: { echo: { image: a, fprocess: cat } }\n');
    const { exit, stdout } = await bramble(['rm', 'guard', '-f', 'stack.yml']);
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: 'guard removed\necho removed\n' });
    expect(gateway.seen.map(({ body }) => JSON.parse(body.toString()))).toEqual([
      { functionName: 'guard' },
      { functionName: 'echo' },
    ]);
    expect(await brambleJson(['remove', 'a'])).toEqual({ removed: ['a'] });
  });

  it('ends with status 4 for a function that is not there', async () => {
    gateway.on('DELETE /system/functions', refuse('NOT_FOUND', 404));
    expect((await bramble(['remove', 'nope'])).exit).toBe(4);
  });
});

describe('bramble scale', () => {
  it('asks for a number of replicas', async () => {
    gateway.on('POST /system/scale-function/echo', empty(202));
    expect(await brambleJson(['scale', 'echo', '3'])).toEqual({ name: 'echo', replicas: 3 });
    expect(JSON.parse(String(gateway.seen[0]?.body))).toEqual({ serviceName: 'echo', replicas: 3 });
  });
});

describe('bramble invoke', () => {
  const echo: Route = (request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain', 'x-call-id': 'c-1' }).end(request.body);
  };

  it('sends standard input and prints the answer alone on standard output', async () => {
    gateway.on('POST /function/echo', echo);
    const body = Buffer.from([0, 1, 2, 255]);
    const child = startCli(['invoke', 'echo'], { cwd: folder, env: login() });
    const answer: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => answer.push(chunk));
    child.stdin.end(body);
    const [stderr] = await Promise.all([text(child.stderr), once(child, 'close')]);
    expect(Buffer.concat(answer)).toEqual(body);
    expect(stderr).toMatch(/^echo: 200 OK, call c-1 in \d+ ms\n$/);
  });

  it('does not show the password of the gateway to functions', async () => {
    gateway.on('POST /function/echo', echo);
    await bramble(['invoke', 'echo', '--data', 'x']);
    expect(gateway.seen[0]?.headers).not.toHaveProperty('authorization');
  });

  it('takes method, path, query, headers and type', async () => {
    gateway.on('PUT /function/echo/a/b', echo);
    const argv = ['invoke', 'echo', '-m', 'put', '--path', 'a/b', '--query', 'x=1=2', '--query', 'y='];
    await bramble([
      ...argv,
      '-H',
      'X-One: 1',
      '-H',
      'x-two=2',
      '--content-type',
      'application/json',
      '-d',
      '{}',
    ]);
    expect(gateway.seen[0]).toMatchObject({
      query: { x: '1=2', y: '' },
      headers: { 'x-one': '1', 'x-two': '2', 'content-type': 'application/json' },
    });
    expect(String(gateway.seen[0]?.body)).toBe('{}');
  });

  it.each([
    [['--path', '/x?flag'], '/x?flag'],
    [['--path', '/x?flag='], '/x?flag='],
    [['--path', 'x?a=1&a=2;b+c%20d=?'], '/x?a=1&a=2;b+c%20d=?'],
    [['--path', '?flag'], '?flag'],
    [['--path', '/x#y?z'], '/x%23y?z'],
    [['--query', 'flag'], '?flag'],
    [['--path', '/x?flag', '--query', 'day=1 & 2', '--query', 'end='], '/x?flag&day=1%20%26%202&end='],
  ])('sends the query of %j as it was typed', async (argv, target) => {
    await bramble(['invoke', 'echo', ...argv, '--data', '']);
    expect(gateway.seen[0]?.url).toBe(`/function/echo${target}`);
  });

  it('sends a file', async () => {
    gateway.on('POST /function/echo', echo);
    writeFileSync(join(folder, 'body.txt'), 'from a file');
    expect((await bramble(['invoke', 'echo', '--file', 'body.txt'])).stdout).toBe('from a file');
    expect((await bramble(['invoke', 'echo', '--file', 'none.txt'])).exit).toBe(2);
  });

  it('hands a call over with --async', async () => {
    gateway.on('POST /async-function/echo', (_request, response) => {
      response.writeHead(202, { 'x-call-id': 'c-2' }).end();
    });
    const argv = ['invoke', 'echo', '--async', '--callback', 'http://127.0.0.1:9/done', '--data', 'x'];
    const { exit, stdout, stderr } = await bramble(argv);
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: '' });
    expect(stderr).toContain('202 Accepted, call c-2');
    expect(gateway.seen[0]?.headers['x-callback-url']).toBe('http://127.0.0.1:9/done');
  });

  it('describes the answer with --json', async () => {
    gateway.on('POST /function/echo', echo);
    expect(await brambleJson(['invoke', 'echo', '--data', 'hi'])).toMatchObject({
      status: 200,
      durationMs: expect.any(Number),
      callId: 'c-1',
      headers: { 'content-type': 'text/plain' },
      body: 'hi',
      bodyBase64: null,
    });
    const binary = await brambleJson(['invoke', 'echo'], { stdin: Buffer.from([255]) });
    expect(binary).toMatchObject({ body: null, bodyBase64: '/w==' });
  });

  it('says so when the answer breaks off, and ends with status 8', async () => {
    gateway.on('POST /function/f', (_request, response) => {
      response.writeHead(200, { 'content-length': '10' }).write('half', () => response.destroy());
    });
    const { exit, stdout, stderr } = await bramble(['invoke', 'f']);
    expect({ exit, stdout }).toEqual({ exit: 8, stdout: 'half' });
    expect(stderr).toMatch(/^bramble: the answer of f broke off/);
    expect((await bramble(['invoke', 'f', '--json'])).exit).toBe(8);
  });

  it.each([
    ['a function that fails', (_request, response) => response.writeHead(500).end('oops'), 7, 'oops'],
    ['a function that is not there', refuse('FUNCTION_NOT_FOUND', 404), 4, /FUNCTION_NOT_FOUND/],
    ['a queue that is full', refuse('BUSY', 429), 6, /BUSY/],
    ['a function that is late', refuse('FUNCTION_TIMEOUT', 504), 7, /FUNCTION_TIMEOUT/],
  ] satisfies [string, Route, number, string | RegExp][])(
    'still prints the answer of %s, and ends with its status',
    async (_name, route, exit, answer) => {
      gateway.on('POST /function/f', route);
      const result = await bramble(['invoke', 'f']);
      expect(result.exit).toBe(exit);
      expect(result.stdout).toMatch(answer);
    },
  );
});

describe('bramble logs', () => {
  const line = { name: 'guard', instance: 'r1', timestamp: '2026-05-01T12:00:00Z', text: 'hello\n' };

  it('prints lines, and passes on what was asked for', async () => {
    gateway.on('GET /system/logs', (_request, response) =>
      response.end(`${JSON.stringify(line)}\n${JSON.stringify(line)}`),
    );
    const { exit, stdout } = await bramble([
      'logs',
      'guard',
      '--tail',
      '5',
      '--since',
      '2026-05-01T00:00:00Z',
    ]);
    expect(exit).toBe(0);
    expect(stdout).toBe('2026-05-01T12:00:00Z r1 hello\n'.repeat(2));
    expect(gateway.seen[0]?.query).toEqual({
      name: 'guard',
      follow: 'false',
      tail: '5',
      since: '2026-05-01T00:00:00.000Z',
    });
  });

  it('follows until Ctrl-C, and then ends with status 130 without a word', async () => {
    gateway.on('GET /system/logs', (_request, response) => void response.write(`${JSON.stringify(line)}\n`));
    const child = startCli(['logs', 'guard', '-f', '--json'], { cwd: folder, env: login() });
    const stderr = text(child.stderr);
    const [chunk] = await once(child.stdout, 'data');
    expect(JSON.parse(String(chunk))).toEqual(line);
    child.kill('SIGINT');
    const [exit] = await once(child, 'close');
    expect({ exit, stderr: await stderr }).toEqual({ exit: 130, stderr: '' });
  });

  it('ends with status 8 when the gateway goes away', async () => {
    gateway.on('GET /system/logs', (_request, response) => void response.write(`${JSON.stringify(line)}\n`));
    const child = startCli(['logs', 'guard', '-f'], { cwd: folder, env: login() });
    const stderr = text(child.stderr);
    await once(child.stdout, 'data');
    await gateway.close();
    const [exit] = await once(child, 'close');
    expect(exit).toBe(8);
    expect(await stderr).toContain('cannot reach the gateway');
  });
});

describe('bramble secret', () => {
  it('lists names', async () => {
    gateway.on('GET /system/secrets', json([{ name: 'key' }]));
    expect((await bramble(['secret', 'list'])).stdout).toBe('SECRET\nkey\n');
    expect(await brambleJson(['secret', 'ls'])).toEqual([{ name: 'key' }]);
  });

  it('creates from standard input without its line end, from a file and from a variable', async () => {
    gateway.on('POST /system/secrets', empty(201));
    writeFileSync(join(folder, 'key.bin'), Buffer.from([255, 0]));
    await bramble(['secret', 'create', 'a'], { stdin: 'value\n' });
    await bramble(['secret', 'create', 'b', '--no-trim'], { stdin: 'value\n' });
    await bramble(['secret', 'create', 'c', '--from-file', 'key.bin']);
    await bramble(['secret', 'create', 'd', '--from-env', 'MY_KEY'], { env: { MY_KEY: 'secret' } });
    expect(gateway.seen.map(({ body }) => JSON.parse(body.toString()))).toEqual([
      { name: 'a', value: 'value' },
      { name: 'b', value: 'value\n' },
      { name: 'c', rawValue: '/wA=' },
      { name: 'd', value: 'secret' },
    ]);
  });

  it('replaces and removes', async () => {
    gateway.on('PUT /system/secrets', empty(200));
    gateway.on('DELETE /system/secrets', empty(200));
    expect(await brambleJson(['secret', 'update', 'a'], { stdin: 'v' })).toEqual({
      name: 'a',
      outcome: 'replaced',
    });
    expect(await brambleJson(['secret', 'rm', 'a'])).toEqual({ name: 'a', outcome: 'removed' });
  });

  it('ends with status 5 when there is one of that name', async () => {
    gateway.on('POST /system/secrets', refuse('SECRET_EXISTS', 409));
    expect((await bramble(['secret', 'create', 'a'], { stdin: 'v' })).exit).toBe(5);
  });
});

describe('bramble dead-letters', () => {
  const letter = {
    id: 17,
    function: 'guard',
    attempts: 5,
    status: 500,
    reason: 'status 500',
    diedAt: '2026-05-01T12:00:00Z',
    event: { id: 'e1', type: 'motion.detected', topic: 'bramble/pi/motion/pir', hops: 0, dataBytes: 15 },
  };

  it('lists and shows them', async () => {
    gateway.on('GET /bramble/dead-letters', json([letter]));
    gateway.on(
      'GET /bramble/dead-letters/17',
      json({ ...letter, event: { ...letter.event, data: { motion: true } } }),
    );
    const { stdout } = await bramble(['dead-letters', 'list', '--function', 'guard', '--limit', '5']);
    expect(stdout).toMatch(/^17 +guard .* 5 +500 +bramble\/pi\/motion\/pir +status 500$/m);
    expect(gateway.seen[0]?.query).toEqual({ function: 'guard', limit: '5' });
    expect(await brambleJson(['dl', 'ls'])).toEqual([letter]);
    expect((await bramble(['dl', 'show', '17'])).stdout).toMatch(/^Data +\{"motion":true\}$/m);
    expect(await brambleJson(['dl', 'show', '17'])).toMatchObject({
      id: 17,
      event: { data: { motion: true } },
    });
  });

  it('replays by number, and says which number is unknown', async () => {
    gateway.on('POST /bramble/dead-letters/17/replay', json({ replayed: 1, functions: ['guard'] }));
    expect(await brambleJson(['dl', 'replay', '17'])).toEqual({ replayed: 1, functions: ['guard'] });
    gateway.on('POST /bramble/dead-letters/18/replay', refuse('NOT_FOUND', 404, 'no dead letter 18'));
    const { exit, stderr } = await bramble(['dl', 'replay', '17', '18']);
    expect({ exit, stderr }).toEqual({ exit: 4, stderr: 'bramble: no dead letter 18\n' });
  });

  it('replays all of a function, page by page', async () => {
    gateway.on('GET /bramble/dead-letters', (request, response) => {
      const { before } = request.query;
      json(before === undefined ? [{ id: 9 }, { id: 8 }] : before === '8' ? [{ id: 3 }] : [])(
        request,
        response,
      );
    });
    gateway.on('POST /bramble/dead-letters/replay', (request, response) => {
      const { ids } = JSON.parse(request.body.toString());
      json({ replayed: ids.length, functions: ['guard'] })(request, response);
    });
    expect(await brambleJson(['dl', 'replay', '--function', 'guard'])).toEqual({
      replayed: 3,
      functions: ['guard'],
    });
    const bodies = gateway.seen.filter(({ method }) => method === 'POST').map(({ body }) => body.toString());
    expect(bodies).toEqual(['{"ids":[9,8]}', '{"ids":[3]}']);
  });

  it('purges by number, by function and all', async () => {
    gateway.on('DELETE /bramble/dead-letters/17', json({ deleted: 1 }));
    gateway.on('DELETE /bramble/dead-letters', json({ deleted: 4 }));
    expect(await brambleJson(['dl', 'purge', '17'])).toEqual({ deleted: 1 });
    expect(await brambleJson(['dl', 'purge', '--function', 'guard'])).toEqual({ deleted: 4 });
    expect(await brambleJson(['dl', 'purge', '--all'])).toEqual({ deleted: 4 });
    expect(gateway.seen.map(({ query }) => query)).toEqual([{}, { function: 'guard' }, { all: 'true' }]);
  });
});

describe('bramble events', () => {
  const message = { time: '2026-05-01T12:00:00Z', topic: 'bramble/pi/motion/pir', data: { motion: true } };
  const stream =
    (...parts: string[]): Route =>
    (_request, response) => {
      response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .write(`: connected\n\n${parts.join('')}`);
    };
  const data = `data: ${JSON.stringify(message)}\n\n`;

  it('shows messages as they come', async () => {
    gateway.on('GET /bramble/events', stream(data));
    const child = startCli(['events', 'bramble/+/motion/+'], { cwd: folder, env: login() });
    const [chunk] = await once(child.stdout, 'data');
    expect(String(chunk)).toBe('2026-05-01T12:00:00Z  bramble/pi/motion/pir  {"motion":true}\n');
    expect(gateway.seen[0]?.query).toEqual({ filter: 'bramble/+/motion/+' });
    child.kill('SIGTERM');
    expect((await once(child, 'close'))[0]).toBe(143);
  });

  it('ends quietly when nobody reads any more', async () => {
    let send: (text: string) => void = () => {};
    gateway.on('GET /bramble/events', (_request, response) => {
      send = (more) => void response.write(more);
      send(data);
    });
    const child = startCli(['events', '--json'], { cwd: folder, env: login() });
    const stderr = text(child.stderr);
    const [chunk] = await once(child.stdout, 'data');
    expect(JSON.parse(String(chunk))).toEqual(message);
    child.stdout.destroy();
    const closed = once(child, 'close');
    await until('the program has noticed', () => {
      send(data);
      return child.exitCode !== null;
    });
    const [exit] = await closed;
    expect({ exit, stderr: await stderr }).toEqual({ exit: 0, stderr: '' });
  });

  it('says why the gateway ended the stream', async () => {
    gateway.on('GET /bramble/events', stream('event: cut\ndata: {"reason":"too slow"}\n\n'));
    const { exit, stderr } = await bramble(['events']);
    expect({ exit, stderr }).toEqual({
      exit: 6,
      stderr: 'bramble: the gateway ended the stream: too slow\n',
    });
  });

  it('passes on that the filter is none', async () => {
    gateway.on('GET /bramble/events', refuse('INVALID', 400, 'query is not valid'));
    expect((await bramble(['events', 'a/#/b'])).exit).toBe(2);
  });
});

describe('bramble status', () => {
  it('shows broker, outbox and queues', async () => {
    const status = {
      node: 'pi-01',
      roles: ['sense', 'serve'],
      version: '0.1.0',
      startedAt: new Date(Date.now() - 125_000).toISOString(),
      bus: { state: 'online', url: 'mqtt://b' },
      outbox: 3,
      queues: [{ function: 'guard', waiting: 2, dead: 1 }],
    };
    gateway.on('GET /bramble/status', json(status));
    const { stdout } = await bramble(['status']);
    expect(stdout).toMatch(/^Up +2 min$/m);
    expect(stdout).toMatch(/^Broker +online, mqtt:\/\/b$/m);
    expect(stdout).toMatch(/^guard +2 +1$/m);
    expect(await brambleJson(['status'])).toEqual(status);
  });
});

describe('bramble simulate', () => {
  it('moves the simulated sensors', async () => {
    gateway.on('POST /bramble/simulate', empty(202));
    expect((await bramble(['simulate', 'motion'])).stdout).toContain('the simulated PIR sees motion');
    expect(await brambleJson(['simulate', 'still'])).toEqual({ motion: false });
    expect(await brambleJson(['simulate', 'celsius', '41.5', '--sensor', 'soc'])).toEqual({
      celsius: 41.5,
      sensor: 'soc',
    });
    expect((await bramble(['simulate', 'celsius', '--', '-5'])).exit).toBe(0);
    expect(gateway.seen.map(({ body }) => JSON.parse(body.toString()))).toEqual([
      { motion: true },
      { motion: false },
      { celsius: 41.5, sensor: 'soc' },
      { celsius: -5 },
    ]);
  });
});

describe('bramble login', () => {
  beforeEach(() => {
    const token = Buffer.from('admin:right').toString('base64');
    gateway.on('GET /system/functions', (request, response) => {
      const isRight = request.headers.authorization === `Basic ${token}`;
      (isRight
        ? json([])
        : (_: unknown, refused: typeof response) => refused.writeHead(401).end('invalid credentials'))(
        request,
        response,
      );
    });
  });
  const env = { BRAMBLE_PASSWORD: '' };

  it('keeps a password that works, for later commands, until logout', async () => {
    const { exit, stdout } = await bramble(['login', '--password-stdin'], { stdin: 'right\n', env });
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: `${gateway.url}: logged in as admin\n` });
    expect((await bramble(['list'], { env })).exit).toBe(0);
    expect(await brambleJson(['logout'], { env })).toEqual({ gateway: gateway.url, outcome: 'logged out' });
    expect((await bramble(['list'], { env })).exit).toBe(3);
  });

  it('does not keep one that does not, and says what to do', async () => {
    const { exit, stderr } = await bramble(['login', '--password-stdin'], { stdin: 'wrong', env });
    expect(exit).toBe(3);
    expect(stderr).toContain('refused user admin with the password from standard input');
    expect((await bramble(['list'], { env })).stderr).toContain(
      'asks for a user and a password; log in with: bramble login',
    );
  });

  it('needs a terminal or --password-stdin', async () => {
    expect((await bramble(['login'], { env })).exit).toBe(2);
  });
});

describe('bramble version', () => {
  it('tells both versions', async () => {
    const info = {
      version: { release: '0.1.0' },
      provider: { provider: 'bramble', orchestration: 'process' },
    };
    gateway.on('GET /system/info', json(info));
    expect((await bramble(['version'])).stdout).toMatch(/^Gateway +0\.1\.0 \(bramble, process\)$/m);
    expect(await brambleJson(['version'])).toMatchObject({
      client: { version: expect.stringMatching(/^\d+\.\d+\.\d+/) },
      gateway: { version: '0.1.0' },
    });
  });

  it('tells its own when there is no gateway', async () => {
    const { exit, stdout } = await bramble(['version', '-g', `127.0.0.1:${await freePort()}`]);
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^Gateway +cannot reach/m);
  });
});

describe('bramble config', () => {
  it('reads bramble.yaml of the folder', async () => {
    writeFileSync(join(folder, 'bramble.yaml'), 'node: { name: pi-07 }\n');
    expect((await bramble(['config', '--print'])).stdout).toMatch(
      /^# bramble.yaml\nnode:\n {2}name: pi-07\n/,
    );
  });
});

describe('bramble doctor', () => {
  it('finds a machine without faults, simulated', async () => {
    const argv = [
      'doctor',
      '--set',
      'hardware.kind=simulated',
      '--set',
      `gateway.port=${await freePort()}`,
      '--json',
    ];
    const { exit, stdout } = await bramble([...argv, '--set', `mqtt.listen.port=${await freePort()}`]);
    const { ok, findings } = JSON.parse(stdout);
    expect({ exit, ok }).toEqual({ exit: 0, ok: true });
    expect(findings).toContainEqual({ check: 'Node.js', state: 'ok', detail: process.version });
  });

  it('fails for a broker that is not there and says what to do', async () => {
    const { exit, stdout } = await bramble(['doctor', '--mqtt-url', `mqtt://127.0.0.1:${await freePort()}`]);
    expect(exit).toBe(1);
    expect(stdout).toMatch(/^fail {2}MQTT broker .*\n +→ start the broker, or correct mqtt.url/m);
  });

  it('examines on when the configuration is broken', async () => {
    writeFileSync(join(folder, 'bramble.yaml'), 'mqt: {}\n');
    const { exit, stdout } = await bramble(['doctor']);
    expect(exit).toBe(1);
    expect(stdout).toMatch(/^fail {2}configuration +mqt is not a known key$/m);
    expect(stdout).toMatch(/^ok {4}Node.js/m);
  });
});

describe('without an agent', () => {
  it('every command that needs one says so and ends with status 8', async () => {
    const env = { BRAMBLE_GATEWAY: `http://127.0.0.1:${await freePort()}` };
    const { exit, stdout, stderr } = await bramble(['list'], { env });
    expect({ exit, stdout }).toEqual({ exit: 8, stdout: '' });
    expect(stderr).toBe(
      `bramble: cannot reach the gateway at ${env.BRAMBLE_GATEWAY}: is the agent running? start one with npm start (ECONNREFUSED)\n`,
    );
    const asJson = await bramble(['list', '--json'], { env });
    expect(JSON.parse(asJson.stderr)).toMatchObject({ error: { code: 'UNREACHABLE', problems: [] } });
  });

  it('a port that hangs up is no gateway', async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { exit } = await bramble(['list', '-g', `127.0.0.1:${port}`]);
    server.close();
    expect(exit).toBe(8);
  });
});

describe('the built program', () => {
  const { context } = fakeContext();
  const names = createProgram({ ...context, setExit: () => {} }).commands.map((command) => command.name());

  it.each(names)('has help with an example for %s', async (name) => {
    const { exit, stdout } = await bramble([name, '--help']);
    expect(exit).toBe(0);
    expect(stdout).toMatch(new RegExp(`Examples?:\\n.*bramble ${name}`));
  });

  it('prints its version and its help on standard output', async () => {
    expect((await bramble(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await bramble(['--help'])).stdout).toContain('Exit codes:');
  });
});
