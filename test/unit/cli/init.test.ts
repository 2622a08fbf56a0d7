import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadInventory } from '../../../provision/inventory.ts';
import { runCli } from '../../../src/cli/run.ts';
import { makePublicKey } from '../../support/bramble-yaml.ts';
import { fakeContext, runInProcess } from '../../support/cli-context.ts';
import { removeFolder } from '../../support/remove-folder.ts';

/** A home folder with a key, and a place for the file. */
function makeHome({ hasKey = true } = {}) {
  const home = mkdtempSync(join(tmpdir(), 'bramble-init-'));
  onTestFinished(() => removeFolder(home));
  mkdirSync(join(home, '.ssh'));
  if (hasKey) writeFileSync(join(home, '.ssh', 'id_ed25519.pub'), `${makePublicKey()}\n`);
  return { home, file: join(home, 'bramble.yaml') };
}

async function init(flags: readonly string[], { home, file }: { home: string; file: string }) {
  return runInProcess(['init', '--output', file, ...flags], { home });
}

/** On a terminal where these lines are typed, whatever is asked. */
async function initByHand(typed: readonly string[], { home, file }: { home: string; file: string }) {
  const { context, stdout, stderr } = fakeContext({ home });
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  stdin.end(typed.map((line) => `${line}\r`).join(''));
  const exit = await runCli(['init', '--output', file], { ...context, stdin });
  return { exit, stdout: stdout.text, stderr: stderr.text };
}

describe('bramble init', () => {
  it('writes a bramble.yaml that can be used, and the schema for editors beside it', async () => {
    const place = makeHome();
    const { exit, stdout } = await init([], place);
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: expect.stringContaining('bramble flash pi-01\n') });
    const { nodes, image } = loadInventory(place);
    expect(nodes.map(({ name, role }) => `${name} ${role}`)).toEqual([
      'pi-01 manager',
      'pi-02 manager',
      'pi-03 manager',
    ]);
    expect(image?.source).toMatch(/^https:/);
    expect(readFileSync(place.file, 'utf8')).toContain('$schema=./bramble.schema.json');
    const schema = readFileSync(join(place.home, 'bramble.schema.json'), 'utf8');
    expect(JSON.parse(schema)).toHaveProperty('properties.cluster.properties.nodes');
  });

  it('takes its answers from flags, whatever YAML would make of them', async () => {
    const place = makeHome();
    const ssid = 'no: "home" # \\ 1';
    const wifi = ['--wifi', ssid, '--country', 'NO', '--time-zone', 'Europe/Oslo'];
    const { exit } = await init(
      [...wifi, '--nodes', '1,true', '--name', 'null', '--user', 'yes', '--image', '0x1'],
      place,
    );
    expect(exit).toBe(0);
    expect(loadInventory(place)).toMatchObject({
      name: 'null',
      timeZone: 'Europe/Oslo',
      image: { source: join(place.home, '0x1') },
      user: { name: 'yes' },
      wifi: { ssid, country: 'NO' },
      nodes: [
        { name: '1', role: 'manager' },
        { name: 'true', role: 'worker' },
      ],
    });
  });

  it('gives equal files for equal answers', async () => {
    const [one, two] = [makeHome(), makeHome()];
    const flags = ['--nodes', '2', '--time-zone', 'Europe/Berlin'];
    await init(flags, one);
    await init(flags, two);
    expect(readFileSync(one.file, 'utf8')).toBe(readFileSync(two.file, 'utf8'));
  });

  it('leaves a file alone that is there', async () => {
    const place = makeHome();
    writeFileSync(place.file, 'mine');
    const { exit, stderr } = await init([], place);
    expect({ exit, stderr }).toEqual({
      exit: 5,
      stderr: expect.stringContaining('choose another with --output'),
    });
    expect(readFileSync(place.file, 'utf8')).toBe('mine');
  });

  it('writes nothing for answers that cannot be, and names them all', async () => {
    const place = makeHome();
    const { exit, stderr } = await init(['--nodes', 'Pi_1', '--user', 'root', '--time-zone', 'Mars'], place);
    expect(exit).toBe(2);
    for (const path of ['cluster.nodes.0.name', 'cluster.user.name', 'cluster.timeZone'])
      expect(stderr).toContain(path);
    expect(existsSync(place.file)).toBe(false);
  });

  it.each(['0', '100', '99999999999999'])('does not make %s nodes', async (count) => {
    expect(await init(['--nodes', count], makeHome())).toMatchObject({ exit: 2 });
  });

  it('says so when there is no key yet', async () => {
    const { exit, stdout } = await init(['--nodes', '1'], makeHome({ hasKey: false }));
    expect(exit).toBe(0);
    expect(stdout).toContain('There is no ~/.ssh/id_ed25519.pub yet');
    expect(stdout).toContain('  ssh-keygen -t ed25519\n');
  });

  it('tells programs what it wrote', async () => {
    const place = makeHome();
    const { stdout } = await init(['--nodes', '1', '--json'], place);
    expect(JSON.parse(stdout)).toEqual({
      file: place.file,
      name: 'bramble',
      nodes: ['pi-01'],
      next: ['bramble flash --dry-run', 'bramble flash pi-01'],
    });
  });
});

describe('bramble init on a terminal', () => {
  it('asks, and takes its proposals for empty answers', async () => {
    const place = makeHome();
    const { exit, stderr } = await initByHand(
      ['', 'hall,attic', '', '', 'home', 'DE', 'Europe/Berlin'],
      place,
    );
    expect(exit).toBe(0);
    expect(stderr).toContain('Nodes: how many, or their names with commas [3]: ');
    expect(loadInventory(place)).toMatchObject({
      name: 'bramble',
      timeZone: 'Europe/Berlin',
      user: { name: 'pi' },
      wifi: { ssid: 'home', country: 'DE' },
      nodes: [{ name: 'hall' }, { name: 'attic' }],
    });
  });

  it('asks for no country without a Wi-Fi', async () => {
    const place = makeHome();
    const { exit, stderr } = await initByHand(['', '', '', '', '', 'Europe/Berlin'], place);
    expect(exit).toBe(0);
    expect(stderr).not.toContain('Country');
  });

  it('asks again, and says why, when an answer cannot be', async () => {
    const place = makeHome();
    const typed = ['My Cluster', 'mine', '0', '1', 'root', 'me', '', 'home', 'UK', 'GB', 'Mars', 'Etc/UTC'];
    const { exit, stderr } = await initByHand(typed, place);
    expect(exit).toBe(0);
    expect(stderr).toContain('the United Kingdom is GB');
    expect(loadInventory(place)).toMatchObject({ name: 'mine', user: { name: 'me' }, timeZone: 'Etc/UTC' });
  });

  it('writes nothing when the answers end', async () => {
    const place = makeHome();
    expect(await initByHand(['mine', '2'], place)).toMatchObject({ exit: 2 });
    expect(existsSync(place.file)).toBe(false);
  });
});
