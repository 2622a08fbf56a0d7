import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loginFile, saveLogin } from '../../src/cli/logins.ts';
import { passwordsFile } from '../../src/cli/stack-passwords.ts';
import { runInProcess } from '../support/cli-context.ts';
import { type FakeGateway, json, openFakeGateway, refuse } from '../support/fake-gateway.ts';
import { freePort } from '../support/ports.ts';
import { removeFolder } from '../support/remove-folder.ts';
import { hasSshd, type Sshd, startSshd } from '../support/sshd.ts';

const note = hasSshd ? '' : ' (skipped: needs openssh-server and openssh-client)';
const clusterId = 'abcdefghijklmnop';

describe.skipIf(!hasSshd)(`a gateway that is reached through SSH${note}`, () => {
  let sshd: Sshd;
  let agent: { readonly SSH_AUTH_SOCK: string; readonly SSH_AGENT_PID: string };
  let gateway: FakeGateway;
  let home: string;
  let address: string;

  beforeAll(async () => {
    sshd = await startSshd();
    const said = execFileSync('ssh-agent', ['-s'], { encoding: 'utf8' });
    const of = (name: string) => new RegExp(`${name}=([^;]+)`).exec(said)?.[1] ?? '';
    agent = { SSH_AUTH_SOCK: of('SSH_AUTH_SOCK'), SSH_AGENT_PID: of('SSH_AGENT_PID') };
    execFileSync('ssh-add', ['-q', join(sshd.folder, 'client')], { env: { ...process.env, ...agent } });
    mkdirSync(join(sshd.folder, 'bin'));
    writeFileSync(join(sshd.folder, 'bin/docker'), `#!/bin/sh\necho ${clusterId}\n`, { mode: 0o755 });
  });
  afterAll(async () => {
    if (agent !== undefined) process.kill(Number(agent.SSH_AGENT_PID));
    await sshd?.stop();
  });

  beforeEach(async () => {
    gateway = await openFakeGateway();
    gateway.on('GET /system/functions', json([]));
    home = mkdtempSync(join(tmpdir(), 'bramble-home-'));
    mkdirSync(join(home, '.ssh'));
    copyFileSync(join(sshd.folder, 'known_hosts'), join(home, '.ssh/known_hosts'));
    const { user, port } = sshd.target;
    address = `ssh://${user}@127.0.0.1:${port}?port=${new URL(gateway.url).port}`;
  });
  afterEach(async () => {
    await gateway.close();
    removeFolder(home);
  });

  const bramble = (argv: readonly string[], { env = {}, stdin = '' } = {}) =>
    runInProcess(argv, { env: { PATH: process.env.PATH ?? '', ...agent, ...env }, home, stdin });
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  const seen = () => gateway.seen.map(({ headers }) => headers.authorization);

  it('answers as any other, and nothing is left when the command has ended', async () => {
    const before = readdirSync('/tmp');
    const listed = await bramble(['list', '-g', address, '--json']);
    expect(listed).toMatchObject({ exit: 0, stderr: '' });
    gateway.on('POST /function/echo', (request, response) => response.end(request.body));
    const called = await bramble(['invoke', 'echo'], { env: { BRAMBLE_GATEWAY: address }, stdin: 'through' });
    expect(called).toMatchObject({ exit: 0, stdout: 'through' });
    const left = readdirSync('/tmp').filter(
      (name) => !before.includes(name) && name.startsWith('bramble-gw-'),
    );
    expect(left).toEqual([]);
    const ours = spawnSync('pgrep', ['-fc', `^ssh .*${home}`], { encoding: 'utf8' });
    expect(ours.stdout.trim()).toBe('0');
  });

  it('is shown the password that was kept when its cluster came up', async () => {
    const file = passwordsFile({ stackName: 'bramble', clusterId }, { env: {}, home });
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, 'gateway: { url: http://192.168.1.21:8080, user: admin, password: kept }\n');
    await bramble(['list', '-g', address]);
    expect(seen()).toEqual([basic('admin:kept')]);
  });

  it('is shown the login that was made for it', async () => {
    await bramble(['login', '-g', address, '--password-stdin'], { stdin: 'mine' });
    await bramble(['list', '-g', address]);
    expect(seen()).toEqual([basic('admin:mine'), basic('admin:mine')]);
    await saveLogin(loginFile({ env: {}, home }), address, { user: 'eve', password: 'hers' });
    await bramble(['list', '-g', address]);
    expect(seen().at(-1)).toBe(basic('eve:hers'));
  });

  it('says how to log in where no password is known', async () => {
    writeFileSync(join(sshd.folder, 'bin/docker'), '#!/bin/sh\nexit 1\n');
    gateway.on('GET /system/functions', refuse('UNAUTHORIZED', 401));
    expect(await bramble(['list', '-g', address])).toMatchObject({
      exit: 3,
      stderr: expect.stringMatching(/asks for a user and a password; log in with: bramble login/),
    });
  });

  it('is told apart from a machine without one, and from one that is not known', async () => {
    const nobody = address.replace(/\d+$/, String(await freePort()));
    expect(await bramble(['list', '-g', nobody])).toMatchObject({
      exit: 8,
      stderr: expect.stringMatching(/no gateway answers at ssh:.*bramble status/),
    });
    writeFileSync(join(home, '.ssh/known_hosts'), '');
    expect(await bramble(['list', '-g', address])).toMatchObject({
      exit: 14,
      stderr: expect.stringMatching(/host key is not known/),
    });
  });
});
