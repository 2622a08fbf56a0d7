import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { startCli } from '../support/built-cli.ts';
import { attachLoopDevice, lacksLoopDevices } from '../support/loop-device.ts';
import { makePiImage } from '../support/pi-image.ts';
import { compete, median } from './measure.ts';
import { type Bench, type Row, show } from './rows.ts';
import { residentMB } from './system/shipped-agent.ts';

const mib = 1024 * 1024;
const filledMib = 256;
const largeMib = 8_000;
const rounds = 3;

export const flashBench: Bench = {
  name: 'flash',
  title: 'An image onto a card',
  method:
    `An image of ${filledMib} MiB, filled with programs and their data, for one node: bytes per second from the first one that is ` +
    'written until all are on the medium, by the built program and by dd with the same sync; what it also does (reading everything ' +
    'back, making it a node, comparing again) is shown beside it. Bramble unpacks on all cores. The card is a file, or a loop device. Memory: the most that ' +
    `the process ever had, with this image and with one of ${largeMib} MiB. Median of ${rounds} rounds, turn about.`,
  async measure() {
    const folder = mkdtempSync(join(tmpdir(), 'bramble-flash-bench-'));
    try {
      return await measureIn(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

async function measureIn(folder: string): Promise<Row[]> {
  const image = makeFilledImage(folder);
  const packed = `${image}.xz`;
  execFileSync('xz', ['-1', '--threads=0', '--keep', image]);
  writeProject(folder);
  const file = join(folder, 'card.img');
  const rows = [
    await race(folder, { source: packed, target: file, flags: ['--to', file] }),
    await race(folder, { source: image, target: file, flags: ['--to', file] }),
  ];
  if (!lacksLoopDevices) {
    const loop = attachLoopDevice({ sizeBytes: (filledMib + 8) * mib });
    try {
      const flags = ['--disk', loop.path];
      for (const source of [packed, image])
        rows.push(await race(folder, { source, target: loop.path, flags }));
    } finally {
      loop.detach();
    }
  }
  truncateSync(image, largeMib * mib);
  const { peakMB } = await flash(folder, { source: image, flags: ['--to', file] });
  const what = `memory, an image of ${largeMib} MiB`;
  return [...rows.flat(), { what, ours: peakMB, unit: 'MB', target: { below: 200 } }];
}

/** Programs and libraries of this machine as its root partition. */
function makeFilledImage(folder: string): string {
  const image = makePiImage({ release: 'trixie', folder, rootBytes: (filledMib - 37) * mib });
  const rootMib = statSync(image).size / mib - 37;
  const fill = `tar --create --file=- --ignore-failed-read /usr/lib /usr/share /usr/bin 2>/dev/null | head --bytes=${rootMib - 16}M | dd of=${image} bs=1M seek=45 conv=notrunc status=none iflag=fullblock`;
  execFileSync('sh', ['-c', fill]);
  return image;
}

function writeProject(folder: string): void {
  const publicKey = `ssh-ed25519 ${publicKeyBlob} bench`;
  writeFileSync(
    join(folder, 'bramble.yaml'),
    stringify({
      cluster: { user: { authorizedKeys: [publicKey] }, nodes: [{ name: 'pi-01', role: 'manager' }] },
    }),
  );
}

/** Length, type, length, and a key of zeros, which nobody has the private half of. */
const publicKeyBlob = Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from('ssh-ed25519'),
  Buffer.from([0, 0, 0, 32]),
  Buffer.alloc(32),
]).toString('base64');

interface Course {
  readonly source: string;
  readonly target: string;
  readonly flags: readonly string[];
}

async function race(folder: string, { source, target, flags }: Course): Promise<Row[]> {
  const isPacked = source.endsWith('.xz');
  const kind = target.startsWith('/dev/') ? 'loop device' : 'file';
  const reader = isPacked ? `xz -dc ${source} |` : '';
  const dd = `dd of=${target} ${isPacked ? 'iflag=fullblock' : `if=${source}`} bs=4M conv=fsync status=none`;
  const wholes: number[] = [];
  const peaks: number[] = [];
  const { ours, plain } = await compete(rounds, {
    plain: async () => {
      if (kind === 'file') rmSync(target, { force: true });
      const startMs = performance.now();
      await promisify(execFile)('sh', ['-c', `${reader} ${dd}`]);
      return rate(performance.now() - startMs);
    },
    ours: async () => {
      if (kind === 'file') rmSync(target, { force: true });
      const { writeMs, allMs, peakMB } = await flash(folder, { source, flags });
      wholes.push(rate(allMs));
      peaks.push(peakMB);
      return rate(writeMs);
    },
  });
  return [
    {
      what: `${isPacked ? '.img.xz' : '.img'} → ${kind}`,
      ours,
      unit: 'MB/s',
      also: `${show(median(wholes), 'MB/s')} with verification, ${show(Math.max(...peaks), 'MB')} of memory`,
      reference: { what: isPacked ? 'xz -dc | dd conv=fsync' : 'dd conv=fsync', value: plain },
      ...(isPacked && { target: { ratioAtLeast: 0.85 } }),
    },
  ];
}

function rate(tookMs: number): number {
  return (filledMib * mib) / 1e3 / tookMs;
}

interface Run {
  /** From the first byte until all of them are on the medium; and until the node is done. */
  readonly writeMs: number;
  readonly allMs: number;
  readonly peakMB: number;
}

async function flash(folder: string, { source, flags }: Pick<Course, 'source' | 'flags'>): Promise<Run> {
  const child = startCli(['flash', '--image', source, ...flags, '--yes', '--json'], { cwd: folder });
  const ended = once(child, 'close');
  const beganMs = new Map<string, number>();
  let peakMB = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const { event, stage = event } = JSON.parse(line);
    if (!beganMs.has(stage)) beganMs.set(stage, performance.now());
    peakMB = Math.max(peakMB, peakOf(child.pid));
  }
  const [exit] = await ended;
  if (exit !== 0) throw new Error(`bramble flash ended with status ${exit}`);
  const [write = 0, verify = 0, flashed = 0] = ['write', 'verify', 'flashed'].map((stage) =>
    beganMs.get(stage),
  );
  return { writeMs: verify - write, allMs: flashed - write, peakMB };
}

/** 0 of one that has ended by now. */
function peakOf(pid: number | undefined): number {
  try {
    return residentMB(pid, 'VmHWM');
  } catch {
    return 0;
  }
}
