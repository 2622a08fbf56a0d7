import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chooseGateway } from '../../../src/cli/connection.ts';
import { type CredentialOptions, findCredentials } from '../../../src/cli/credentials.ts';
import { addressOf } from '../../../src/cli/gateway.ts';
import { findLogin, loginFile, removeLogin, saveLogin } from '../../../src/cli/logins.ts';
import { fakeContext } from '../../support/cli-context.ts';

const pi = 'http://pi-01.local:8080';

describe('chooseGateway', () => {
  const all = { BRAMBLE_GATEWAY: 'http://env:1', OPENFAAS_URL: 'http://faas:2' };

  it('prefers the flag, then the environment, then the stack file, then this machine', async () => {
    const choose = async (gateway: string | undefined, env: Record<string, string>, stackGateway?: string) =>
      (await chooseGateway({ ...(gateway === undefined ? {} : { gateway }), stackGateway }, env)).href;
    expect(await choose('http://flag:9', all, 'http://stack:3')).toBe('http://flag:9/');
    expect(await choose(undefined, all, 'http://stack:3')).toBe('http://env:1/');
    expect(await choose(undefined, { OPENFAAS_URL: 'http://faas:2' }, 'http://stack:3')).toBe(
      'http://faas:2/',
    );
    expect(await choose(undefined, {}, 'http://stack:3')).toBe('http://stack:3/');
    expect(await choose(undefined, {})).toBe('http://127.0.0.1:8080/');
  });

  it('takes a bare host for HTTP', async () => {
    const chosen = await chooseGateway({ gateway: 'pi-01.local:8080' }, {});
    expect(chosen.href).toBe('http://pi-01.local:8080/');
  });

  it.each([
    ['127.0.0.1', '9090', 'http://127.0.0.1:9090/'],
    ['0.0.0.0', '9090', 'http://127.0.0.1:9090/'],
    ['::1', '9090', 'http://[::1]:9090/'],
    ['127.0.0.1', '0', 'http://127.0.0.1:8080/'],
  ])('finds the agent that is configured here to listen on %s, port %s', async (host, port, address) => {
    const env = { BRAMBLE_GATEWAY__HOST: host, BRAMBLE_GATEWAY__PORT: port };
    expect((await chooseGateway({}, env)).href).toBe(address);
  });

  it.each(['ftp://pi', 'http://', 'not an address'])(
    'refuses %s and names where it came from',
    async (text) => {
      const choosing = chooseGateway({}, { OPENFAAS_URL: text });
      await expect(choosing).rejects.toThrow(/OPENFAAS_URL must be an address/);
    },
  );

  it.each(['ssh://pi@pi-01.local', 'ssh://pi-01', 'ssh://pi@[fe80::1]:2222', 'ssh://pi@pi-01?port=9080'])(
    'takes %s, which leads through SSH',
    async (gateway) => {
      expect(addressOf(await chooseGateway({ gateway }, {}))).toBe(gateway);
    },
  );

  it.each([
    'ssh://pi:hush@pi-01',
    'ssh://-oProxyCommand=x@pi-01',
    'ssh://pi@-oProxyCommand=x',
    'ssh://pi@pi-01/path',
    'ssh://pi@pi-01?port=x',
    'ssh://',
  ])('refuses %s', async (gateway) => {
    const choosing = chooseGateway({ gateway }, {});
    await expect(choosing).rejects.toThrow(/--gateway must be of the form ssh:\/\/user@host:port/);
    await expect(choosing).rejects.not.toThrow(/hush/);
  });

  it('refuses a password in the address without repeating it', async () => {
    const choosing = chooseGateway({ gateway: 'http://admin:hush@pi:8080' }, {});
    await expect(choosing).rejects.toThrow(/--gateway must not carry a user and a password/);
    await expect(choosing).rejects.not.toThrow(/hush/);
  });
});

describe('findCredentials', () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'bramble-home-'));
  });
  afterEach(() => rmSync(home, { recursive: true }));

  const find = (
    gateway: string,
    options: CredentialOptions = {},
    { env = {}, stdin = '' }: { env?: Record<string, string>; stdin?: string } = {},
  ) => findCredentials(new URL(gateway), options, fakeContext({ env, home, stdin }).context);

  function writeFaasLogin(gateway: string, user: string, password: string): void {
    const token = Buffer.from(`${user}:${password}`).toString('base64');
    mkdirSync(join(home, '.openfaas'));
    const text = `auths:\n  - gateway: ${gateway}\n    auth: basic\n    token: ${token}\n`;
    writeFileSync(join(home, '.openfaas/config.yml'), text);
  }

  it('takes the password from standard input first', async () => {
    const found = await find(
      pi,
      { user: 'eve', passwordStdin: true },
      { env: { BRAMBLE_PASSWORD: 'env' }, stdin: 'pipe\n' },
    );
    expect(found).toMatchObject({ user: 'eve', password: 'pipe' });
  });

  it('refuses an empty standard input', async () => {
    await expect(find(pi, { passwordStdin: true })).rejects.toMatchObject({ code: 'INVALID' });
  });

  it('takes user and password from the environment', async () => {
    const env = { BRAMBLE_USER: 'eve', BRAMBLE_PASSWORD: 'env' };
    expect(await find(pi, {}, { env })).toMatchObject({ user: 'eve', password: 'env' });
  });

  it('takes the password from the file that the environment names', async () => {
    writeFileSync(join(home, 'pw'), 'filed\n');
    const env = { BRAMBLE_PASSWORD_FILE: join(home, 'pw') };
    expect(await find(pi, {}, { env })).toMatchObject({ user: 'admin', password: 'filed' });
  });

  it('prefers our own login to that of faas-cli', async () => {
    writeFaasLogin(pi, 'faas', 'b');
    expect(await find(`${pi}/`)).toMatchObject({ user: 'faas', password: 'b' });
    await saveLogin(loginFile({ env: {}, home }), pi, { user: 'ours', password: 'a:b' });
    expect(await find(pi)).toMatchObject({ user: 'ours', password: 'a:b' });
  });

  it('does not show the login of one gateway to another', async () => {
    writeFaasLogin(pi, 'faas', 'b');
    expect(await find('http://pi-02.local:8080')).toBeUndefined();
  });

  it('asks for the password of a user that no login is for', async () => {
    writeFaasLogin(pi, 'faas', 'b');
    await expect(find(pi, { user: 'eve' })).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(await find(pi, { user: 'faas' })).toMatchObject({ password: 'b' });
  });

  it('takes the password that an agent on this machine keeps', async () => {
    writeFileSync(join(home, 'password'), 'generated\n');
    const env = { BRAMBLE_DATA_DIR: home };
    const expected = { user: 'admin', password: 'generated', source: join(home, 'password') };
    expect(await find('http://127.0.0.1:8080', {}, { env })).toEqual(expected);
    expect(await find('http://localhost:9000', {}, { env })).toEqual(expected);
  });

  it('never shows the password of this machine to another', async () => {
    writeFileSync(join(home, 'password'), 'generated\n');
    expect(await find(pi, {}, { env: { BRAMBLE_DATA_DIR: home } })).toBeUndefined();
    expect(await find('http://127.evil.example', {}, { env: { BRAMBLE_DATA_DIR: home } })).toBeUndefined();
  });

  it('takes the password that the configuration of an agent here names', async () => {
    const file = join(home, 'agent.yaml');
    writeFileSync(file, 'gateway: { user: boss, password: configured }\n');
    const found = await find('http://127.0.0.1:8080', {}, { env: { BRAMBLE_CONFIG: file } });
    expect(found).toMatchObject({ user: 'boss', password: 'configured' });
  });

  it('goes without when an agent here keeps none, or its configuration is broken', async () => {
    expect(await find('http://127.0.0.1:8080', {}, { env: { BRAMBLE_DATA_DIR: home } })).toBeUndefined();
    expect(await find('http://127.0.0.1:8080', {}, { env: { BRAMBLE_NO_SUCH: '1' } })).toBeUndefined();
  });
});

describe('logins', () => {
  let home: string;
  let file: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'bramble-home-'));
    file = loginFile({ env: {}, home });
  });
  afterEach(() => rmSync(home, { recursive: true }));

  it('are kept readable by their user alone, even where the file was open before', async () => {
    mkdirSync(join(home, '.bramble'));
    writeFileSync(file, 'auths: []\n', { mode: 0o644 });
    await saveLogin(file, pi, { user: 'a', password: 'b' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('replace an older one for the same gateway and keep all else', async () => {
    mkdirSync(join(home, '.bramble'));
    writeFileSync(file, 'theme: dark\n');
    await saveLogin(file, pi, { user: 'a', password: 'old' });
    await saveLogin(file, 'http://other', { user: 'o', password: 'p' });
    await saveLogin(file, `${pi}`, { user: 'a', password: 'new' });
    expect(await findLogin(file, pi)).toMatchObject({ user: 'a', password: 'new' });
    expect(await findLogin(file, 'http://other')).toMatchObject({ user: 'o' });
    expect(readFileSync(file, 'utf8')).toContain('theme: dark');
  });

  it('can be removed, once', async () => {
    await saveLogin(file, pi, { user: 'a', password: 'b' });
    expect(await removeLogin(file, pi)).toBe(true);
    expect(await removeLogin(file, pi)).toBe(false);
    expect(await findLogin(file, pi)).toBeUndefined();
  });

  it('live where BRAMBLE_HOME says', () => {
    expect(loginFile({ env: { BRAMBLE_HOME: '/x' }, home })).toBe('/x/config.yml');
  });

  it('in a file that is not YAML are an error that names it', async () => {
    mkdirSync(join(home, '.bramble'));
    writeFileSync(file, 'auths: [\n');
    await expect(findLogin(file, pi)).rejects.toMatchObject({
      code: 'INVALID',
      message: expect.stringContaining(file),
    });
  });
});
