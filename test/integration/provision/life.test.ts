import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { restoreMarker } from '../../../provision/backup/places.ts';
import { makePublicKey } from '../../support/bramble-yaml.ts';
import { startCli } from '../../support/built-cli.ts';
import { runInProcess } from '../../support/cli-context.ts';
import { buildImages, copyImages } from '../../support/docker/images.ts';
import {
  type Machines,
  preparationMs,
  startMachines,
  whyNoMachines,
} from '../../support/machines/machines.ts';
import { removeFolder } from '../../support/remove-folder.ts';
import { until } from '../../support/wait.ts';

const note = whyNoMachines();
const longMs = 180_000;
const password = 'a long password';

/** Three managers, whose Swarm has a service and the broker's data, without Bramble itself: its images take their time. */
describe.skipIf(note)(`the life of a cluster of machines${note}`, () => {
  let machines: Machines;
  let folder: string;
  /** All that was said by any command. */
  let transcript = '';

  beforeAll(async () => {
    machines = await startMachines({ count: 3, docker: 'installed' });
    folder = mkdtempSync(join(tmpdir(), 'bramble-life-'));
    mkdirSync(join(folder, '.bramble'));
    copyFileSync(machines.knownHosts, join(folder, '.bramble/known_hosts'));
    const nodes = machines.all.map(({ name, address }) => ({ name, host: address, role: 'manager' }));
    const user = { authorizedKeys: [makePublicKey()] };
    const cluster = { name: 'home', user, ssh: { key: machines.keyFile }, nodes };
    writeFileSync(join(folder, 'bramble.yaml'), stringify({ cluster }));

    const [first, ...others] = machines.all;
    if (first === undefined) throw new TypeError('there are no machines');
    await first.docker('swarm', 'init', '--advertise-addr', first.address);
    const token = await first.docker('swarm', 'join-token', '--quiet', 'manager');
    for (const other of others)
      await other.docker('swarm', 'join', '--token', token, `${first.address}:2377`);
    await buildImages(first, ['busybox']);
    await copyImages(first, others, ['bramble-test/busybox']);
    const labels = ['--label', 'com.docker.stack.namespace=bramble'];
    await first.docker('volume', 'create', ...labels, 'bramble_mosquitto');
    await first.docker('node', 'update', '--label-add', 'bramble.broker=true', first.name);
    await first.exec(['sh', '-c', `echo kept >${brokerFile}`]);
    await first.docker('secret', 'create', 'precious', '/etc/hostname');
    const service = [
      'service',
      'create',
      '--detach',
      '--name',
      'echo',
      '--replicas',
      '3',
      '--no-resolve-image',
    ];
    await first.docker(...service, '--init', 'bramble-test/busybox', 'sleep', '1000000');
    await until('echo runs', async () => (await replicas()) === '3/3', 60_000);
  }, preparationMs);
  afterAll(async () => {
    await machines?.stop();
    if (folder !== undefined) removeFolder(folder);
  });

  const brokerFile = '/var/lib/docker/volumes/bramble_mosquitto/_data/mosquitto.db';
  const replicas = () =>
    machines.at(0).docker('service', 'ls', '--filter', 'name=echo', '--format', '{{.Replicas}}');
  const nodes = async () =>
    (await machines.at(0).docker('node', 'ls', '--format', '{{.Hostname}}')).split('\n').sort();
  const stateOf = (index: number) =>
    machines.at(index).docker('info', '--format', '{{.Swarm.LocalNodeState}}');

  async function bramble(...argv: readonly string[]) {
    const env = { PATH: process.env.PATH ?? '', BRAMBLE_BACKUP_PASSWORD: password };
    const result = await runInProcess([...argv, '--config', join(folder, 'bramble.yaml')], {
      env,
      home: folder,
    });
    transcript += result.stdout + result.stderr;
    return result;
  }

  it('makes new tokens', async () => {
    const before = await machines.at(0).docker('swarm', 'join-token', '--quiet', 'worker');
    expect(await bramble('rotate-tokens')).toMatchObject({ exit: 0, stderr: '' });
    const after = await machines.at(0).docker('swarm', 'join-token', '--quiet', 'worker');
    expect(after).not.toBe(before);
    expect(transcript).not.toContain(after);
  });

  it(
    'takes a manager down, whose work goes on elsewhere',
    async () => {
      expect(await bramble('down', 'pi-03')).toMatchObject({
        exit: 0,
        stdout: expect.stringContaining('pi-03 has left'),
      });
      expect([await nodes(), await stateOf(2), await replicas()]).toEqual([
        ['pi-01', 'pi-02'],
        'inactive',
        '3/3',
      ]);
      expect((await bramble('down', 'pi-03', '--json')).stdout).toContain('not there');
    },
    longMs,
  );

  it(
    'keeps a way open through a host, once that host lets it',
    async () => {
      const [node, host] = [machines.at(0), machines.at(1)];
      await node.docker(
        'run',
        '--detach',
        '--publish',
        '8080:8080',
        '--name',
        'page',
        'bramble-test/busybox',
        'sh',
        '-c',
        'mkdir /page && echo gateway >/page/index.html && httpd -f -p 8080 -h /page',
      );
      const fingerprint =
        (await host.exec(['ssh-keygen', '-lf', '/etc/ssh/ssh_host_ed25519_key.pub'])).split(' ')[1] ?? '';
      const wrong = await bramble(
        'tunnel',
        'install',
        `pi@${host.address}`,
        '--fingerprint',
        `SHA256:${'A'.repeat(43)}`,
      );
      expect(wrong).toMatchObject({ exit: 14, stderr: expect.stringContaining('nothing was installed') });
      const installed = await bramble(
        'tunnel',
        'install',
        `pi@${host.address}`,
        '--fingerprint',
        fingerprint,
        '--json',
      );
      const { state, authorizedKey, lastWords } = JSON.parse(installed.stdout);
      expect([state, lastWords]).toEqual(['connecting', expect.stringContaining('Permission denied')]);
      await host.exec(['sh', '-c', 'cat >>~pi/.ssh/authorized_keys'], { stdin: `${authorizedKey}\n` });
      await until(
        'the tunnel is there',
        async () => JSON.parse((await bramble('tunnel', 'status', '--json')).stdout).state === 'connected',
        60_000,
      );
      const ask = 'exec 3<>/dev/tcp/127.0.0.1/18080; printf "GET / HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3';
      expect(await host.exec(['bash', '-c', ask])).toContain('gateway');
      // With that key nothing else can be done there.
      const tunnelKey = [
        '-i',
        '/etc/bramble/tunnel/key',
        '-o',
        'UserKnownHostsFile=/etc/bramble/tunnel/known_hosts',
      ];
      await expect(
        node.exec(['ssh', ...tunnelKey, '-o', 'BatchMode=yes', `pi@${host.address}`, 'id']),
      ).rejects.toThrow();
      expect(await bramble('tunnel', 'remove')).toMatchObject({ exit: 0 });
      expect((await bramble('tunnel', 'status', '--json')).stdout).toContain('not installed');
      await node.docker('rm', '--force', 'page');
    },
    longMs,
  );

  it(
    'is saved, taken away from all its nodes, and begins again from what was saved',
    async () => {
      const id = () => machines.at(0).docker('info', '--format', '{{.Swarm.Cluster.ID}}');
      const [before, file] = [await id(), join(folder, 'home.backup')];
      const saved = await bramble('backup', '--output', file);
      expect(saved).toMatchObject({
        exit: 0,
        stderr: expect.stringMatching(/pi-02: copying the Swarm's state.*\n.*pi-01/),
      });
      expect(readFileSync(file).subarray(0, 21).toString()).toBe('age-encryption.org/v1');
      expect(await bramble('restore', file)).toMatchObject({
        exit: 5,
        stderr: expect.stringContaining('pi-01 is in a Swarm'),
      });

      expect((await bramble('reset', '--yes-i-mean', 'other')).exit).toBe(2);
      expect(await bramble('reset', '--yes-i-mean', 'home')).toMatchObject({
        exit: 0,
        stdout: 'pi-01, pi-02, pi-03: reset\n',
      });
      expect([await stateOf(0), await stateOf(1)]).toEqual(['inactive', 'inactive']);
      expect(await machines.at(0).docker('volume', 'ls', '--quiet')).toBe('');
      expect(await machines.at(0).docker('ps', '--all', '--quiet')).toBe('');
      for (const place of ['/etc/bramble', '/var/lib/bramble-backup'])
        expect(existsSync(`${machines.at(0).root}${place}`)).toBe(false);

      await breakOffRestore(file);
      expect(await bramble('restore', file)).toMatchObject({
        exit: 0,
        stdout: expect.stringContaining('bramble up'),
      });
      expect(existsSync(`${machines.at(0).root}${restoreMarker}`)).toBe(false);
      expect(await id()).toBe(before);
      expect(readFileSync(`${machines.at(0).root}${brokerFile}`, 'utf8')).toBe('kept\n');
      const self = ['node', 'inspect', 'self', '--format', '{{.Description.Hostname}} {{.Spec.Labels}}'];
      expect(await machines.at(0).docker(...self)).toBe('pi-01 map[bramble.broker:true]');
      expect(await machines.at(0).docker('secret', 'ls', '--format', '{{.Name}}')).toBe('precious');
      await until('echo runs again', async () => (await replicas()) === '3/3', 60_000);
      expect(transcript).not.toContain(password);
    },
    longMs,
  );

  /** The laptop's battery is empty when all is in its place on the node, and its Swarm has not begun again. */
  async function breakOffRestore(file: string): Promise<void> {
    const env = { PATH: process.env.PATH ?? '', HOME: folder, BRAMBLE_BACKUP_PASSWORD: password };
    const child = startCli(['restore', file, '--config', join(folder, 'bramble.yaml')], { cwd: folder, env });
    for (const output of [child.stdout, child.stderr]) output.resume();
    const ended = once(child, 'close');
    const isBegun = () =>
      machines
        .at(0)
        .exec(['systemctl', 'is-active', 'bramble-restore'])
        .then(
          () => true,
          () => false,
        );
    await until('it is under way', isBegun, 60_000);
    child.kill('SIGKILL');
    await ended;
    await until(
      'Docker has what was saved',
      async () => !['', 'inactive'].includes(await stateOf(0).catch(() => '')),
      60_000,
    );
    expect(existsSync(`${machines.at(0).root}${restoreMarker}`)).toBe(true);
  }

  it(
    'loses a node that is reset, and goes on',
    async () => {
      const token = await machines.at(0).docker('swarm', 'join-token', '--quiet', 'worker');
      await machines.at(1).docker('swarm', 'join', '--token', token, `${machines.at(0).address}:2377`);
      const isReady = async () => (await nodes()).includes('pi-02');
      await until('pi-02 has joined', isReady, 60_000);
      expect(await bramble('reset', 'pi-02', '--yes-i-mean', 'home')).toMatchObject({
        exit: 0,
        stdout: 'pi-02: reset\n',
      });
      expect(await nodes()).not.toContain('pi-02');
      expect(await stateOf(1)).toBe('inactive');
      expect(await replicas()).toBe('3/3');
    },
    longMs,
  );

  it(
    'leaves nothing of Docker either where that is to be purged, whether it is in order or not',
    async () => {
      await machines.at(1).exec(['systemctl', 'mask', '--runtime', '--now', 'docker.socket', 'docker']);
      const kept = await bramble('reset', '--yes-i-mean', 'home');
      expect([kept.exit, kept.stdout]).toEqual([
        expect.not.toSatisfy((exit) => exit === 0),
        expect.stringMatching(/^pi-01, pi-03: reset\npi-02 failed: .*Docker does not answer/),
      ]);
      expect(await bramble('reset', '--purge', '--yes-i-mean', 'home')).toMatchObject({
        exit: 0,
        stdout: 'pi-01, pi-02, pi-03: reset\n',
      });
      for (const machine of machines.all) {
        await expect(machine.exec(['docker', 'version'])).rejects.toThrow();
        expect(existsSync(`${machine.root}/var/lib/docker/volumes`)).toBe(false);
      }
    },
    longMs,
  );

  it(
    'is made again from what was left, and taken away with its registry as well',
    async () => {
      await machines.at(1).exec(['systemctl', 'unmask', '--runtime', 'docker.socket', 'docker']);
      const up = () => bramble('up', '--only', 'docker,swarm,managers,registry,trust');
      expect(await up()).toMatchObject({ exit: 0 });
      expect(await nodes()).toEqual(['pi-01', 'pi-02', 'pi-03']);
      expect((await up()).stdout).toContain('Nothing to do');
      // What installs packages is a unit of systemd; none is left of it.
      for (const machine of machines.all)
        expect(await machine.exec(['systemctl', 'list-units', '--all', '--no-legend', 'bramble-*'])).toBe('');
      expect(await bramble('reset', '--purge', '--yes-i-mean', 'home')).toMatchObject({ exit: 0 });
      const programs = 'which docker dockerd containerd docker-registry; find /var/lib/docker/ -mindepth 1';
      const places = 'ls -d /var/lib/containerd /etc/docker /etc/bramble /var/lib/docker-registry';
      for (const machine of machines.all)
        expect(await machine.exec(['sh', '-c', `${programs}; ${places} 2>/dev/null; true`])).toBe('');
    },
    longMs,
  );
});
