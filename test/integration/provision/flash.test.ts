import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { derivePsk } from '../../../provision/customise/wifi-psk.ts';
import { runCli } from '../../../src/cli/run.ts';
import { readFatWithTools } from '../../support/boot-tools.ts';
import { makePublicKey } from '../../support/bramble-yaml.ts';
import { type CliResult, runBuiltCli, startCli } from '../../support/built-cli.ts';
import { fakeContext } from '../../support/cli-context.ts';
import { duringTest } from '../../support/during-test.ts';
import { attachLoopDevice, type LoopDeviceOptions, lacksLoopDevices } from '../../support/loop-device.ts';
import { damageFile, whyNot } from '../../support/packed-image.ts';
import { bootOffset, canMakePiImages, makePiImage, type PiImageOptions } from '../../support/pi-image.ts';
import { until } from '../../support/wait.ts';

const mib = 1024 * 1024;
const names = ['pi-01', 'pi-02', 'pi-03'];
const ssid = 'Søstrene Grå';
const env = { BRAMBLE_WIFI_PASSWORD: 'correct horse battery', BRAMBLE_USER_PASSWORD: 'staple ¤ tr0ub4dor' };
const secrets = [...Object.values(env), derivePsk(ssid, env.BRAMBLE_WIFI_PASSWORD), 'PRIVATE KEY', '$6$'];

interface ProjectOptions extends Partial<PiImageOptions> {
  /** Begun by `bramble init`, which takes its time. */
  readonly isByInit?: boolean;
}

/** A folder with an image, a key and a bramble.yaml for three nodes, which is also the user's home. */
async function makeProject({ release = 'trixie', isByInit = false, ...options }: ProjectOptions = {}) {
  const folder = duringTest.folder();
  const image = makePiImage({ release, folder, ...options });
  mkdirSync(join(folder, '.ssh'));
  writeFileSync(join(folder, '.ssh/id_ed25519.pub'), `${makePublicKey()}\n`);
  const file = join(folder, 'bramble.yaml');
  const nodes = names.map((name) => ({ name, role: 'manager' }));
  const cluster = { image, network: { wifi: { ssid, country: 'NO' } }, nodes };
  if (isByInit) await bramble(folder, ['init', '--yes', '--image', image, '--wifi', ssid, '--country', 'NO']);
  else writeFileSync(file, stringify({ cluster }));
  const edit = (change: object) => {
    const written = parse(readFileSync(file, 'utf8'));
    writeFileSync(file, stringify({ cluster: { ...written.cluster, ...change } }));
  };
  return { folder, image, file, edit, flash: (...argv: string[]) => bramble(folder, ['flash', ...argv]) };
}

/** Whatever it prints, it prints no secret. */
async function bramble(cwd: string, argv: readonly string[]): Promise<CliResult> {
  const result = await runBuiltCli(argv, { cwd, env });
  expect(secretsIn(result.stdout + result.stderr)).toEqual([]);
  return result;
}

const secretsIn = (transcript: string) => secrets.filter((secret) => transcript.includes(secret));

function packXz(image: string): string {
  execFileSync('xz', ['-0', '--threads=0', '--keep', image]);
  return `${image}.xz`;
}

const bootLength = 36 * mib;
const bootOf = (disk: Buffer) => disk.subarray(bootOffset, bootOffset + bootLength);
/** All but the boot partition. */
const restOf = (disk: Buffer) =>
  Buffer.concat([disk.subarray(0, bootOffset), disk.subarray(bootOffset + bootLength)]);

/** Flashed is what has the image's every byte but for the files that make the node. */
function expectFlashed(
  flashed: Buffer,
  image: Buffer,
  written: readonly string[],
): ReadonlyMap<string, Buffer> {
  expect(restOf(flashed).equals(restOf(image))).toBe(true);
  const before = readFatWithTools(bootOf(image));
  const after = readFatWithTools(bootOf(flashed));
  expect(new Set(after.keys())).toEqual(new Set([...before.keys(), ...written]));
  const changed = [...after].filter(([path, content]) => before.get(path)?.equals(content) !== true);
  expect(new Set(changed.map(([path]) => path))).toEqual(new Set(written));
  return after;
}

const filesOf = {
  bookworm: ['bramble-first-boot.sh', 'cmdline.txt', 'config.txt'],
  trixie: ['user-data', 'meta-data', 'network-config', 'cmdline.txt', 'config.txt'],
};

describe.skipIf(!canMakePiImages)('bramble flash (skipped where images cannot be made)', () => {
  it.each(['bookworm', 'trixie'] as const)(
    'makes verified images of a cluster from one file of %s',
    async (release) => {
      const { folder, image, edit, flash } = await makeProject({ release, isByInit: true });
      edit({ image: packXz(image), user: { name: 'ada', hasPassword: true } });
      const { exit, stdout, stderr } = await flash('--to', 'out/');
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: expect.stringContaining('pi-03 verifying') });
      expect(stdout).toMatch(
        /SHA-256 [0-9a-f]{64}\n.*pi-01 → out\/pi-01\.img: verified(.|\n)*then bramble up\n$/,
      );
      expect(readdirSync(join(folder, 'out'))).toEqual(names.map((name) => `${name}.img`));

      const pinned = readFileSync(join(folder, '.bramble/known_hosts'), 'utf8');
      for (const name of names) {
        const flashed = readFileSync(join(folder, `out/${name}.img`));
        const files = expectFlashed(flashed, readFileSync(image), filesOf[release]);
        const secret = files.get(filesOf[release][0] ?? '')?.toString() ?? '';
        const [, hostKey = 'none'] =
          new RegExp(`^${name}\\.local,${name} ssh-ed25519 (\\S+)`, 'm').exec(pinned) ?? [];
        expect(secret).toContain(hostKey);
        expect(secret).toMatch(/BEGIN OPENSSH PRIVATE KEY/);
        expect(secret).toContain('$6$');
        expect(secret).not.toContain(env.BRAMBLE_USER_PASSWORD);
      }
    },
  );

  it(`gives cloud-init what it takes${whyNot('cloud-init')}`, async ({ skip }) => {
    skip(whyNot('cloud-init') !== '', 'needs cloud-init');
    const { folder, image, flash } = await makeProject();
    await flash('pi-01', '--to', 'pi-01.img');
    const files = expectFlashed(readFileSync(join(folder, 'pi-01.img')), readFileSync(image), filesOf.trixie);
    const userData = join(folder, 'user-data');
    writeFileSync(userData, files.get('user-data') ?? '');
    const { status, stdout, stderr } = spawnSync('cloud-init', ['schema', '--config-file', userData]);
    expect({ status, said: `${stdout}${stderr}` }).toEqual({
      status: 0,
      said: expect.stringContaining('Valid'),
    });
  });

  it('takes an image whose boot partition is FAT16', async () => {
    const { folder, flash } = await makeProject({ boot: 'fat16' });
    expect(await flash('pi-01', '--to', 'pi-01.img')).toMatchObject({ exit: 0 });
    const files = readFatWithTools(
      readFileSync(join(folder, 'pi-01.img')).subarray(bootOffset, bootOffset + 16 * mib),
    );
    expect(files.get('meta-data')?.toString()).toContain('pi-01');
  });

  it('tells programs what it does in one object a line', async () => {
    const { flash } = await makeProject();
    const { exit, stdout, stderr } = await flash('pi-02', '--to', 'out', '--json');
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map(({ event }) => event)).toContain('progress');
    expect(events.at(-2)).toMatchObject({
      ...{ event: 'flashed', node: 'pi-02', target: 'out/pi-02.img', imageBytes: 41 * mib },
      files: filesOf.trixie.map((path) => ({ path, bytes: expect.any(Number) })),
    });
    expect(events.at(-1)).toMatchObject({ event: 'finished', flashed: ['pi-02'], failed: [] });
  });

  it('shows in a dry run what it would write, and writes nothing', async () => {
    const { folder, image, flash } = await makeProject();
    const before = readdirSync(folder);
    const { exit, stdout, stderr } = await flash('--dry-run', '--to', 'out/');
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    expect(stdout).toContain(`Nothing is written. The image: ${image}`);
    expect(stdout).toMatch(/pi-03 → out\/pi-03\.img, trixie\n {2}user-data, \d+ bytes, secret: /);
    const json = JSON.parse((await flash('--dry-run', 'pi-01', '--json')).stdout);
    expect(json.nodes).toMatchObject([{ node: 'pi-01', firstBoot: 'trixie' }]);
    expect(readdirSync(folder)).toEqual(before);
  });

  it('replaces files that are there only when it may', async () => {
    const { folder, flash } = await makeProject();
    const file = join(folder, 'out/pi-01.img');
    mkdirSync(join(folder, 'out'));
    writeFileSync(file, 'precious');
    const refused = await flash('--to', 'out/', 'pi-01');
    expect(refused).toMatchObject({
      exit: 5,
      stderr: expect.stringMatching(/pi-01\.img, a file that is there.*--yes/),
    });
    expect(readFileSync(file, 'utf8')).toBe('precious');
    expect(await flash('--to', 'out/', 'pi-01', '--yes')).toMatchObject({ exit: 0 });
    expect(readFileSync(file).length).toBe(41 * mib);
  });

  describe('leaves nothing behind but the older file, and no host key,', () => {
    type Project = Awaited<ReturnType<typeof makeProject>>;
    it.each<[string, Partial<PiImageOptions> | undefined, (project: Project) => void, number, RegExp]>([
      [
        'when the image is truncated',
        undefined,
        ({ image, edit }) => {
          const packed = packXz(image);
          truncateSync(packed, 3 * mib);
          edit({ image: packed });
        },
        12,
        /\.xz is broken: .*not whole/,
      ],
      [
        'when the image is corrupt',
        undefined,
        ({ image, edit }) => {
          const packed = packXz(image);
          damageFile(packed);
          edit({ image: packed });
        },
        12,
        /\.xz is broken: /,
      ],
      [
        'when the image is another than its checksum promised',
        undefined,
        ({ image, edit }) => edit({ image: { source: image, sha256: '0'.repeat(64) } }),
        12,
        /its SHA-256 is [0-9a-f]{64} and should be 0{64}/,
      ],
      [
        'when what is unpacked is another than its checksum promised',
        undefined,
        ({ image, edit }) => edit({ image: { source: image, extractedSha256: '0'.repeat(64) } }),
        12,
        /should have 0{64}/,
      ],
      ['when there is no boot partition', { boot: 'none' }, () => {}, 12, /no boot partition/],
      ['when the boot partition is noise', { boot: 'noise' }, () => {}, 12, /boot partition .* not FAT/],
      ['when the boot partition is full', { bootFreeBytes: 1024 }, () => {}, 13, /no room for /],
      [
        'when nobody knows how the image wants to be told',
        { withoutBootFiles: ['user-data'] },
        () => {},
        2,
        /cannot tell how this image wants to be set up/,
      ],
    ])('%s', async (_when, options, change, exit, message) => {
      const project = await makeProject(options);
      const { folder, flash } = project;
      change(project);
      mkdirSync(join(folder, 'out'));
      writeFileSync(join(folder, 'out/pi-01.img'), 'older');
      const result = await flash('pi-01', 'pi-02', '--to', 'out', '--yes');
      expect(result).toMatchObject({ exit, stderr: expect.stringMatching(message) });
      expect(readdirSync(join(folder, 'out'))).toEqual(['pi-01.img']);
      expect(readFileSync(join(folder, 'out/pi-01.img'), 'utf8')).toBe('older');
      expect(existsSync(join(folder, '.bramble'))).toBe(false);
    });
  });

  it('goes on with other nodes when one fails, and says so at the end', async () => {
    const { folder, flash } = await makeProject();
    mkdirSync(join(folder, 'out/pi-02.img.unfinished'), { recursive: true });
    const { exit, stdout, stderr } = await flash('--to', 'out');
    expect(exit).toBe(13);
    expect(stderr).toMatch(/bramble: pi-02: cannot create .*pi-02\.img.*was not written/);
    expect(stdout).toContain('Not flashed: pi-02. Try again with bramble flash pi-02');
    expect(existsSync(join(folder, 'out/pi-03.img'))).toBe(true);
    expect(readFileSync(join(folder, '.bramble/known_hosts'), 'utf8')).not.toContain('pi-02');
  });

  it('asks nothing that nobody can answer', async () => {
    const { flash } = await makeProject();
    expect(await flash()).toMatchObject({ exit: 2, stderr: expect.stringContaining('--to out/') });
    expect(await flash('--to', 'out', '--disk', '/dev/null')).toMatchObject({ exit: 2 });
    expect(await flash('pi-9', '--to', 'out')).toMatchObject({ exit: 4 });
    expect(await flash('--disk', '/dev/null', '--yes', 'pi-01')).toMatchObject({ exit: 13 });
  });

  it('stops at Ctrl-C, takes away what it began, and says so', async () => {
    const { folder, image } = await makeProject();
    truncateSync(image, 8192 * mib); // long enough that there is something to stop
    const child = startCli(['flash', 'pi-01', '--to', 'out'], { cwd: folder, env });
    const ended = Promise.all([text(child.stderr), new Promise((resolve) => child.once('close', resolve))]);
    await until('writing has begun', () => existsSync(join(folder, 'out/pi-01.img.unfinished')));
    child.kill('SIGINT');
    const [stderr, exit] = await ended;
    expect({ exit, stderr }).toEqual({
      exit: 130,
      stderr: expect.stringContaining('bramble: pi-01: interrupted; out/pi-01.img was not written'),
    });
    expect(readdirSync(join(folder, 'out'))).toEqual([]);
  });
});

const needs = !canMakePiImages || lacksLoopDevices;
describe.skipIf(needs)(
  'bramble flash on block devices (skipped where losetup or images cannot be had)',
  () => {
    const attach = (options: LoopDeviceOptions = {}) => {
      const loop = attachLoopDevice({ sizeBytes: 48 * mib, ...options });
      onTestFinished(() => loop.detach());
      return loop;
    };
    const old = Buffer.alloc(8192, 'old');
    const attachOld = (options: LoopDeviceOptions = {}) => {
      const loop = attach(options);
      execFileSync('dd', [`of=${loop.path}`, 'conv=fsync', 'status=none'], { input: old });
      return loop;
    };

    it('writes several side by side, each verified', async () => {
      const { image, flash } = await makeProject();
      const [one, two] = [attach(), attach({ blockBytes: 4096 })];
      const disks = ['--disk', `pi-01=${one.path}`, '--disk', `pi-03=${two.path}`];
      expect(await flash(...disks)).toMatchObject({
        exit: 5,
        stderr: expect.stringMatching(/nobody to ask.*pi-01 → \/dev\/loop\d+.*pi-03 → .*--yes/),
      });
      const { exit, stdout } = await flash(...disks, '--yes');
      expect({ exit, stdout }).toEqual({
        exit: 0,
        stdout: expect.stringContaining('put the cards into the nodes'),
      });
      for (const [loop, name] of [
        [one, 'pi-01'],
        [two, 'pi-03'],
      ] as const) {
        const files = expectFlashed(loop.stored(0, 41 * mib), readFileSync(image), filesOf.trixie);
        expect(files.get('meta-data')?.toString()).toContain(name);
      }
    });

    it('refuses two nodes on one disk, however it is called', async () => {
      const { flash } = await makeProject();
      const loop = attach();
      const { exit, stderr } = await flash(
        '--yes',
        '--disk',
        `pi-01=${loop.path}`,
        '--disk',
        `pi-02=/dev/../${loop.path}`,
      );
      expect({ exit, stderr }).toEqual({
        exit: 2,
        stderr: expect.stringMatching(/pi-01 and pi-02 would both go to/),
      });
    });

    it('leaves one alone that is too small, and writes the other', async () => {
      const { flash } = await makeProject();
      const [small, large] = [attachOld({ sizeBytes: 32 * mib }), attach()];
      const { exit, stderr } = await flash(
        '--yes',
        '--disk',
        `pi-01=${small.path}`,
        '--disk',
        `pi-02=${large.path}`,
      );
      expect(exit).toBe(13);
      expect(stderr).toMatch(/pi-01: .* is too small: .*; the card in \/dev\/loop\d+ is as it was/);
      expect(small.stored(0, old.length).equals(old)).toBe(true);
      expect(large.stored(510, 2).toString('hex')).toBe('55aa');
    });

    it('says that a card is not usable when the image turns out to be broken', async () => {
      const { folder, image, edit, flash } = await makeProject();
      const loop = attachOld();
      edit({ image: { source: image, sha256: '0'.repeat(64) } });
      const { exit, stderr } = await flash('--yes', 'pi-01', '--disk', loop.path);
      expect({ exit, stderr }).toEqual({
        exit: 12,
        stderr: expect.stringMatching(/the card in \/dev\/loop\d+ is not usable now, flash it again/),
      });
      expect(loop.stored(0, 4096).equals(Buffer.alloc(4096))).toBe(true);
      expect(existsSync(join(folder, '.bramble'))).toBe(false);
    });

    it('leaves a card alone when the image has no boot partition', async () => {
      const { flash } = await makeProject({ boot: 'none' });
      const loop = attachOld();
      expect(await flash('--yes', 'pi-01', '--disk', loop.path)).toMatchObject({ exit: 12 });
      expect(loop.stored(0, old.length).equals(old)).toBe(true);
    });

    it('takes one card after the other, and asks for each', async () => {
      const { folder, file } = await makeProject();
      const loop = attach();
      const { context, stdout, stderr } = fakeContext({ home: folder, env });
      const stdin = Object.assign(new PassThrough(), { isTTY: true });
      const argv = ['flash', '--config', file, 'pi-01', 'pi-02', '--disk', loop.path];
      const running = runCli(argv, { ...context, stdin });
      const answer = async (question: string, line: string) => {
        await until(question, () => stderr.text.split('\n').at(-1)?.includes(question));
        stdin.write(`${line}\r`);
      };
      await answer('Go on? [y/N]', 'y');
      await answer('press Enter', '');
      expect(
        readFatWithTools(bootOf(loop.stored(0, 41 * mib)))
          .get('meta-data')
          ?.toString(),
      ).toContain('pi-01');
      await answer('Go on? [y/N]', 'y');
      expect(await running).toBe(0);
      expect(
        readFatWithTools(bootOf(loop.stored(0, 41 * mib)))
          .get('meta-data')
          ?.toString(),
      ).toContain('pi-02');
      expect(stderr.text).toContain(`put the one for pi-02 into ${loop.path}`);
      expect(stderr.text).toContain(`pi-02 → ${loop.path}`);
      expect(secretsIn(stdout.text + stderr.text)).toEqual([]);
    });

    it('writes nothing when the user does not agree', async () => {
      const { folder, file } = await makeProject();
      const loop = attachOld();
      const { context, stderr } = fakeContext({ home: folder, env });
      const stdin = Object.assign(new PassThrough(), { isTTY: true });
      stdin.end('n\r');
      const argv = ['flash', '--config', file, 'pi-01', '--disk', loop.path];
      expect(await runCli(argv, { ...context, stdin })).toBe(130);
      expect(stderr.text).toContain('nothing was written, as you did not agree');
      expect(loop.stored(0, old.length).equals(old)).toBe(true);
    });
  },
);
