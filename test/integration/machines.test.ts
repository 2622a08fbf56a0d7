import { mkdtempSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { SshRemote } from '../../provision/remote/remote.ssh.ts';
import { runDetached } from '../../provision/remote/run-detached.ts';
import { readFacts } from '../../provision/up/read-facts.ts';
import { systemClock } from '../../src/support/clock.system.ts';
import { buildImages, copyImages } from '../support/docker/images.ts';
import { startPins } from '../support/in-private-sysfs.ts';
import { agentArchive, agentImage } from '../support/machines/agent-archive.ts';
import { recordCommandLines } from '../support/machines/command-lines.ts';
import { piPassword } from '../support/machines/debian.ts';
import {
  type Machines,
  type MachinesOptions,
  preparationMs,
  startMachines,
  whyNoMachines,
} from '../support/machines/machines.ts';
import { removeFolder } from '../support/remove-folder.ts';
import { until } from '../support/wait.ts';

const { signal } = new AbortController();
const note = whyNoMachines();
const install = ['apt-get', '-qq', '--yes', '--no-install-recommends', 'install'];

function open(machines: Machines, index: number, sudoPassword = ''): SshRemote {
  const socketFolder = mkdtempSync(join(tmpdir(), 'brs-'));
  const remote = new SshRemote(machines.target(index), {
    socketFolder,
    sudoPassword: async () => sudoPassword,
    env: { PATH: process.env.PATH, HOME: socketFolder },
  });
  onTestFinished(async () => {
    await remote.close();
    removeFolder(socketFolder);
  });
  return remote;
}

async function start(options: MachinesOptions): Promise<Machines> {
  const machines = await startMachines(options);
  onTestFinished(() => machines.stop());
  return machines;
}

describe.skipIf(note)(`machines of the tests${note}`, () => {
  let machines: Machines;
  beforeAll(async () => {
    machines = await startMachines({ count: 2 });
  }, preparationMs);
  afterAll(() => machines?.stop());

  const facts = (index: number) => readFacts(open(machines, index), { clock: systemClock, signal });
  const bootId = (index: number) => machines.at(index).exec(['cat', '/proc/sys/kernel/random/boot_id']);

  it('show what a fresh Raspberry Pi shows', async () => {
    const [first, second] = await Promise.all([facts(0), facts(1)]);
    expect(first).toMatchObject({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: {
        id: 'debian',
        codename: 'bookworm',
        prettyName: expect.stringMatching(/^Debian GNU\/Linux 12 \(/),
      },
      model: 'Raspberry Pi 4 Model B Rev 1.4',
      hostName: 'pi-01',
      addresses: [machines.at(0).address],
      memoryBytes: expect.toSatisfy((bytes: number) => bytes > 1e9),
      diskUsedBytes: expect.toSatisfy((bytes: number) => bytes > 1e6),
      diskFreeBytes: expect.toSatisfy((bytes: number) => bytes > 1e9),
      hasMemoryCgroup: true,
      clockOffsetMs: 0,
      bootId: await bootId(0),
      flashId: undefined,
      hardware: [],
      docker: undefined,
      registry: { served: undefined, trusted: {} },
    });
    expect(second.hostName).toBe('pi-02');
    expect(second.bootId).not.toBe(first.bootId);
  });

  it('let their user in and make him root without a password', async () => {
    const remote = open(machines, 0);
    const who = await remote.run(['id', '-un'], { signal });
    const root = await remote.run(['id', '-un'], { as: 'root', signal });
    expect([who.stdout, root.stdout]).toEqual(['pi\n', 'root\n']);
    await remote.run(['touch', 'in-his-home'], { signal });
  });

  it('show which commands they run', async () => {
    const recording = recordCommandLines(machines.all);
    onTestFinished(() => recording.stop());
    const stream = await open(machines, 1).pipe(['sh', '-c', 'cat', 'a-secret'], { as: 'root', signal });
    await until('it is seen', () => [...recording.seen].some((line) => line.endsWith(' a-secret')));
    stream.end();
    const isTold = async () => (await machines.at(1).journal()).includes('a-secret');
    await until('the journal tells of it', isTold);
  });

  describe('that run a script which a lost connection does not end', () => {
    const script = 'until [ -e "/tmp/$1" ]; do sleep 0.1; done; echo "did $1"; exit "$2"';
    const run = (name: string, status: number, lines: string[] = []) =>
      runDetached(open(machines, 0), {
        ...{ name, script, args: [name, String(status)], timeoutMs: 60_000, signal },
        onLine: (line) => void lines.push(line),
      });
    const unitRuns = (name: string) =>
      machines
        .at(0)
        .exec(['systemctl', 'is-active', `bramble-${name}`])
        .then(
          () => true,
          () => false,
        );
    const go = (name: string) => machines.at(0).exec(['touch', `/tmp/${name}`]);

    it('let a second call wait for the same run, and tell both how it ended', async () => {
      const said: string[][] = [[], []];
      const first = run('twice', 0, said[0]);
      await until('it runs', () => unitRuns('twice'));
      const second = run('twice', 0, said[1]);
      const followers = () => machines.at(0).exec(['pgrep', '--full', '--count', 'tail .*bramble-twice.log']);
      await until('both wait for it', async () => Number(await followers().catch(() => '0')) === 2);
      await go('twice');
      await Promise.all([first, second]);
      expect(said).toEqual([['did twice'], ['did twice']]);
      expect(await unitRuns('twice')).toBe(false);
    });

    it('take no line of it for a setting of systemd, and no word of it for a variable of its own', async () => {
      const script = `cat >/tmp/unit <<END
[Service]
Restart=always
END
systemctl daemon-reload
echo "\${10} $# $$" >/tmp/words`;
      const args = ['1', '2', '3', '4', '5', '6', '7', '8', '9', 'ten'];
      await runDetached(open(machines, 0), { name: 'plain', script, args, timeoutMs: 60_000, signal });
      expect(await machines.at(0).exec(['cat', '/tmp/words'])).toMatch(/^ten 10 \d+$/);
      const loaded = ['systemctl', 'list-units', '--all', '--no-legend', 'bramble-plain*'];
      await until('it is forgotten', async () => (await machines.at(0).exec(loaded)) === '');
    });

    it('tell what it ended with', async () => {
      await go('badly');
      await expect(run('badly', 7)).rejects.toMatchObject({
        code: 'REMOTE_FAILED',
        message: expect.stringMatching(/status 7: did badly$/),
      });
    });

    it('do not take one that was ended for one that is done', async () => {
      const running = run('ended', 0);
      running.catch(() => {}); // awaited below
      await until('it runs', () => unitRuns('ended'));
      await machines.at(0).exec(['systemctl', 'kill', '--signal=KILL', 'bramble-ended']);
      await expect(running).rejects.toThrow('bramble-ended was ended before it was done');
    });
  });

  it('ask for a password, or allow nothing, where they are told so', async () => {
    const asking = await start({ count: 1, sudo: 'password' });
    const told = await open(asking, 0, piPassword).run(['id', '-un'], { as: 'root', signal });
    expect(told.stdout).toBe('root\n');
    const strict = await start({ count: 1, sudo: 'none' });
    await expect(open(strict, 0, piPassword).run(['true'], { as: 'root', signal })).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
    });
  });

  it('have a clock that can be wrong, and be put right', async () => {
    await machines.at(1).setClock(-3_600_000);
    expect(Math.round((await facts(1)).clockOffsetMs / 60_000)).toBe(-60);
    const now = (Date.now() / 1000).toFixed(3);
    await open(machines, 1).run(['date', '--utc', '--set', `@${now}`], { as: 'root', signal });
    expect(Math.abs((await facts(1)).clockOffsetMs)).toBeLessThan(60_000);
  });

  it('see pins and sensors that are emulated for them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bramble-w1-'));
    onTestFinished(() => removeFolder(folder));
    await mkdir(join(folder, 'devices/28-0316a2799aff'), { recursive: true });
    const pins = await startPins({ folders: { 'bus/w1': folder } });
    onTestFinished(() => pins.stop());
    const seeing = await start({ count: 1, mountNamespaces: { 0: pins.mountNamespace } });
    const { hardware } = await readFacts(open(seeing, 0), { clock: systemClock, signal });
    expect(hardware).toEqual(['ds18b20', 'gpio']);
  });

  it('install Docker by apt, and are a Swarm whose containers reach each other', async () => {
    const all = machines.all;
    const [first, second] = [machines.at(0), machines.at(1)];
    await Promise.all(
      all.map(async (_, index) => {
        const remote = open(machines, index);
        await remote.run(['apt-get', '-qq', 'update'], { as: 'root', signal });
        await remote.run([...install, 'docker.io'], { as: 'root', timeoutMs: 100_000, signal });
      }),
    );
    const { docker, addresses } = await facts(0);
    expect(docker).toMatchObject({ isRunning: true, swarm: { state: 'inactive' } });
    expect(addresses).toEqual([first.address]);

    await first.docker('swarm', 'init', '--advertise-addr', first.address);
    const token = await first.docker('swarm', 'join-token', '--quiet', 'worker');
    await second.docker('swarm', 'join', '--token', token, `${first.address}:2377`);
    await buildImages(first, ['busybox']);
    await copyImages(first, [second], ['bramble-test/busybox']);
    await first.docker('network', 'create', '--driver', 'overlay', '--attachable', 'between');
    const run = ['run', '--detach', '--network', 'between', '--name', 'page', 'bramble-test/busybox'];
    const serve = 'mkdir /page && echo over VXLAN >/page/index.html && httpd -f -h /page';
    await first.docker(...run, 'sh', '-c', serve);
    const ask = ['run', '--rm', '--network', 'between', 'bramble-test/busybox', 'wget', '-q', '-O', '-'];
    const said = await until('the page is served', () =>
      second.docker(...ask, 'http://page/index.html').catch(() => ''),
    );
    expect(said).toBe('over VXLAN');
    await first.docker('rm', '--force', 'page');
    expect((await facts(0)).docker?.swarm).toMatchObject({
      state: 'active',
      isManager: true,
      address: first.address,
    });
    expect((await facts(1)).docker?.swarm).toMatchObject({ state: 'active', isManager: false });
  });

  it('reboot, and are then what they were', async () => {
    const before = await bootId(0);
    await open(machines, 0)
      .run(['systemctl', 'reboot'], { as: 'root', accept: [255], signal })
      .catch(() => {});
    await until(
      'pi-01 is back',
      async () => (await machines.at(0).answers()) && (await bootId(0)) !== before,
      60_000,
    );
    await until('the Swarm is whole', async () => {
      const states = await machines
        .at(0)
        .docker('node', 'ls', '--format', '{{.Status}}')
        .catch(() => '');
      return states === 'Ready\nReady';
    });
  });

  it('lose neither disk nor Swarm when their power is cut', async () => {
    const machine = machines.at(1);
    await machine.exec(['sh', '-c', 'echo kept >/var/lib/file']);
    await machine.kill();
    expect(await machine.answers()).toBe(false);
    await machine.start();
    expect(await readFile(`${machine.root}/var/lib/file`, 'utf8')).toBe('kept\n');
    expect((await facts(1)).docker?.swarm.state).toBe('active');
  });

  it('cannot be reached while their cable is pulled', async () => {
    await machines.at(1).cut();
    expect(await machines.at(1).answers()).toBe(false);
    await machines.at(1).heal();
    await until('it is back', () => machines.at(1).answers());
  });

  it('are fresh after another flash, with a host key that is to be pinned anew', async () => {
    const machine = machines.at(1);
    await machine.wipe({ renewHostKey: true });
    await machine.start();
    await expect(facts(1)).rejects.toMatchObject({ code: 'HOST_KEY_CHANGED' });
    machines.pin(1);
    expect((await facts(1)).docker).toBeUndefined();
    await expect(machine.exec(['cat', '/var/lib/file'])).rejects.toThrow('No such file');
  });
});

describe.skipIf(note)(`a machine with Debian’s next release and Docker${note}`, () => {
  let machines: Machines;
  beforeAll(async () => {
    machines = await startMachines({ count: 1, release: 'trixie', docker: 'installed' });
  }, preparationMs);
  afterAll(() => machines?.stop());

  it(
    'runs containers of images that it is given',
    async () => {
      const machine = machines.at(0);
      await machine.docker('load', '--input', await agentArchive());
      expect(await machine.docker('run', '--rm', '--entrypoint', 'node', agentImage, '-p', '6*7')).toBe('42');
      const { os, docker } = await readFacts(open(machines, 0), { clock: systemClock, signal });
      expect([os.codename, docker?.isRunning]).toEqual(['trixie', true]);
    },
    preparationMs,
  );
});
