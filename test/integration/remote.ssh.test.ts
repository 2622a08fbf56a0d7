import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { askDocker } from '../../provision/remote/docker.remote.ts';
import { SshRemote } from '../../provision/remote/remote.ssh.ts';
import { remoteContract } from '../contract/remote-contract.ts';
import { freePort } from '../support/ports.ts';
import { removeFolder } from '../support/remove-folder.ts';
import { hasSshd, type Sshd, startSshd } from '../support/sshd.ts';
import { until } from '../support/wait.ts';

const note = hasSshd ? '' : ' (skipped: needs openssh-server and openssh-client)';
const { signal } = new AbortController();

describe.skipIf(!hasSshd)(`a machine over SSH${note}`, () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(() => sshd?.stop());

  function open(change: Partial<Sshd['target']> = {}): SshRemote {
    const socketFolder = mkdtempSync(join(tmpdir(), 'brs-'));
    const remote = new SshRemote(
      { ...sshd.target, ...change },
      {
        socketFolder,
        sudoPassword: async () => {
          throw new Error('nobody asks');
        },
        env: { PATH: process.env.PATH, HOME: sshd.folder },
      },
    );
    onTestFinished(async () => {
      await remote.close();
      removeFolder(socketFolder);
    });
    return remote;
  }

  remoteContract('ssh', open);

  it('gives a command its input, and keeps both outputs apart', async () => {
    const remote = open();
    const { stdout, stderr } = await remote.run(['sh', '-c', 'cat; echo bad >&2'], { stdin: 'in', signal });
    expect([stdout, stderr]).toEqual(['in', 'bad\n']);
    const large = Buffer.alloc(3_000_000, 'x');
    const streamed = await remote.run(['wc', '-c'], { stdin: Readable.from([large, large]), signal });
    expect(streamed.stdout.trim()).toBe('6000000');
  });

  it('tells the lines while the command runs', async () => {
    const lines: string[] = [];
    const running = open().run(['sh', '-c', 'echo one; read answer; echo two'], {
      stdin: (async function* () {
        await until('the first line', () => lines.length === 1);
        yield 'go\n';
      })() as unknown as Readable,
      onLine: (line) => lines.push(line),
      signal,
    });
    await running;
    expect(lines).toEqual(['one', 'two']);
  });

  it('rejects with what was said when a command fails, but for statuses that are answers', async () => {
    const remote = open();
    const failing = ['sh', '-c', 'echo no such thing >&2; exit 3'];
    await expect(remote.run(failing, { signal })).rejects.toThrow(
      expect.objectContaining({ code: 'REMOTE_FAILED', message: expect.stringContaining('no such thing') }),
    );
    expect((await remote.run(failing, { accept: [3], signal })).status).toBe(3);
  });

  it('shares one connection among more commands than sshd takes sessions', async () => {
    const remote = open();
    const run = () => remote.run(['sh', '-c', 'echo $SSH_CONNECTION; sleep 0.1'], { signal });
    const answers = await Promise.all(Array.from({ length: 24 }, run));
    expect(new Set(answers.map(({ stdout }) => stdout)).size).toBe(1);
  });

  it('connects again after the connection was lost', async () => {
    const remote = open();
    const { stdout } = await remote.run(['sh', '-c', 'echo $PPID'], { signal });
    process.kill(Number(stdout), 'SIGKILL');
    await until('a command runs again', async () =>
      remote.run(['true'], { signal }).then(
        () => true,
        () => false,
      ),
    );
  });

  it('leaves no process behind when it is closed', async () => {
    const remote = open();
    await remote.connect({ signal });
    const clients = () =>
      spawnSync('pgrep', ['-fc', `^ssh .*${sshd.folder}/client`], { encoding: 'utf8' }).stdout.trim();
    expect(clients()).toBe('1');
    await remote.close();
    expect(clients()).toBe('0');
  });

  it('is a pipe that can be closed before its time', async () => {
    const stream = await open().pipe(['cat'], { signal });
    const closed = new Promise((resolve) => stream.once('close', resolve));
    stream.destroy();
    await closed;
  });

  it('is a pipe that ends with an error when its command fails, and does not take half for all', async () => {
    const stream = await open().pipe(['sh', '-c', 'echo half; echo no space >&2; exit 3'], { signal });
    await expect(text(stream)).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
      message: expect.stringMatching(/ended with status 3: no space$/),
    });
  });

  it('is a pipe that ends with an error when the connection is lost', async () => {
    const stream = await open().pipe(['sh', '-c', 'echo $PPID; exec sleep 600'], { signal });
    const [line] = await once(stream, 'data');
    process.kill(Number(String(line)), 'SIGKILL');
    await expect(text(stream)).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  it('says why Docker cannot be asked', async () => {
    const asked = askDocker(open(), { method: 'GET', path: '/info' }, signal);
    await expect(asked).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
      message: expect.stringMatching(/docker system dial-stdio ended with status \d+: ./),
    });
  });

  it('carries HTTP over such a pipe', async () => {
    const stream = await open().pipe(
      ['sh', '-c', 'read line; printf "HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nhi"'],
      { signal },
    );
    const call = request({ createConnection: () => stream as never }).end();
    const [response] = await once(call, 'response');
    call.on('error', () => {}); // the connection ends with the test
    expect(await text(response)).toBe('hi');
  });

  it('leads a port over there to one here', async () => {
    const server = createServer((_request, response) => response.end('from here'));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => void server.close());
    const address = server.address();
    const here = typeof address === 'object' && address !== null ? address.port : 0;
    const there = await freePort();
    await open().forwardBack({ there, here });
    const response = await fetch(`http://127.0.0.1:${there}/`, { headers: { connection: 'close' } });
    expect(await response.text()).toBe('from here');
  });

  it('is not reached when nobody listens', async () => {
    const port = await freePort();
    await expect(open({ port }).connect({ signal })).rejects.toThrow(
      expect.objectContaining({ code: 'UNREACHABLE', message: expect.stringMatching(/pi-01 .*refused/) }),
    );
  });

  it('refuses a login that no key of ours opens', async () => {
    await expect(open({ key: join(sshd.folder, 'host') }).connect({ signal })).rejects.toThrow(
      expect.objectContaining({ code: 'UNAUTHORIZED', message: expect.stringContaining('ssh-add -l') }),
    );
  });

  it('says nothing to a host whose key is not known', async () => {
    await expect(open({ knownHosts: ['/dev/null'] }).connect({ signal })).rejects.toThrow(
      expect.objectContaining({ code: 'HOST_KEY_UNKNOWN' }),
    );
  });

  it('says nothing to a host whose key has changed', async () => {
    await sshd.renewHostKey();
    await expect(open().connect({ signal })).rejects.toThrow(
      expect.objectContaining({
        code: 'HOST_KEY_CHANGED',
        message: expect.stringContaining('nothing was sent'),
      }),
    );
  });
});
