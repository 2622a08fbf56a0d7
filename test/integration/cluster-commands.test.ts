import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { scanHostKey } from '../../provision/remote/scan-host-key.ts';
import { makePublicKey } from '../support/bramble-yaml.ts';
import { runBuiltCli } from '../support/built-cli.ts';
import { type Machines, preparationMs, startMachines, whyNoMachines } from '../support/machines/machines.ts';
import { removeFolder } from '../support/remove-folder.ts';

const note = whyNoMachines();

describe.skipIf(note)(`the commands for a machine that was not flashed here${note}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-commands-'));
  let machines: Machines;
  beforeAll(async () => {
    machines = await startMachines({ count: 1 });
    const { name, address: host } = machines.at(0);
    const nodes = [{ name, host, role: 'manager' }];
    const cluster = { user: { authorizedKeys: [makePublicKey()] }, ssh: { key: machines.keyFile }, nodes };
    writeFileSync(join(folder, 'bramble.yaml'), stringify({ cluster }));
  }, preparationMs);
  afterAll(async () => {
    await machines?.stop();
    removeFolder(folder);
  });

  const bramble = (...argv: string[]) => runBuiltCli(argv, { cwd: folder });

  it('send nothing before its key was confirmed', async () => {
    const { exit, stderr } = await bramble('up', '--wait', '0', '--only', 'validate');
    expect({ exit, stderr }).toEqual({ exit: 14, stderr: expect.stringContaining('bramble trust') });
    expect((await bramble('ssh', 'pi-01', '--', 'true')).exit).toBe(255);
  });

  it('take the key that has the given fingerprint, and no other', async () => {
    const other = `SHA256:${'A'.repeat(43)}`;
    const refused = await bramble('trust', '--fingerprint', `pi-01=${other}`);
    expect(refused).toMatchObject({ exit: 14, stderr: expect.stringContaining(`and not ${other}`) });
    const { signal } = new AbortController();
    const { fingerprint } = await scanHostKey(machines.target(0), { env: process.env, signal });
    expect(refused.stderr).toContain(fingerprint);
    expect(await bramble('trust', '--fingerprint', `pi-01=${fingerprint}`)).toMatchObject({ exit: 0 });
    expect(readFileSync(join(folder, '.bramble/known_hosts'), 'utf8')).toContain(
      machines.at(0).hostKey.split(' ').slice(0, 2).join(' '),
    );
  });

  it('run a command there, whose words arrive as they are, and end with its status', async () => {
    const words = ['a b', "it's", '$HOME', '*'];
    const { stdout } = await bramble('ssh', 'pi-01', '--', 'printf', '<%s>', ...words);
    expect(stdout).toBe("<a b><it's><$HOME><*>");
    expect((await bramble('ssh', 'pi-01', '--', 'sh', '-c', 'exit 7')).exit).toBe(7);
  });

  it('show how it is, and when it was last seen once it is gone', async () => {
    expect((await bramble('status')).stdout).toMatch(/^pi-01 .* not in the Swarm .* now$/m);
    await machines.at(0).kill();
    const { exit, stdout } = await bramble('status');
    expect({ exit, stdout }).toEqual({
      exit: 8,
      stdout: expect.stringMatching(/^pi-01 .* unreachable .* ago$/m),
    });
  });
});
