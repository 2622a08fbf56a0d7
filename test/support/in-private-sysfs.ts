import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Level } from '../../hardware/gpio.ts';
import type { Pixel } from '../../hardware/pixels.ts';
import type { LineState } from './gpio-emulator/chip.ts';
import { LineClient } from './json-lines.ts';
import { root } from './repo.ts';

export interface PinsOptions {
  /** The kernel's number for BCM 0. */
  readonly base?: number;
  readonly label?: string;
  readonly ngpio?: number;
  /** BCM numbers of a Blinkt!, whose frames are decoded. */
  readonly data?: number;
  readonly clock?: number;
  /** Path below /sys → the folder that is seen there: `bus/w1`. */
  readonly folders?: Readonly<Record<string, string>>;
}

export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

/** The outside of an emulated chip, and a way to start programs that find it in `/sys/class/gpio`. */
export interface Pins {
  /** Its mounts, for a program that enters them by itself. */
  readonly mountNamespace: string;
  setLevel(bcm: number, level: Level): Promise<void>;
  pin(bcm: number): Promise<LineState>;
  /** A driver claims the line. */
  occupy(bcm: number): Promise<void>;
  /** Reading and writing the line fail with EIO, and whoever watches it is woken. */
  breakLine(bcm: number): Promise<void>;
  repairLine(bcm: number): Promise<void>;
  /** All pictures that the LEDs have shown. */
  frames(): Promise<Pixel[][]>;
  /** The bits clocked out since the last call. */
  takeBits(): Promise<string>;
  /** Starts a program that sees the pins. It keeps its own standard streams; ending it is the caller's business. */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): ChildProcessWithoutNullStreams;
  /** Ends the chip, as if it were torn out: a program that has its files open gets ENOTCONN. */
  stop(): Promise<void>;
}

/** Why there can be no emulated pins here; `undefined` where there can. In CI there must be. */
export function whyNoPins(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.CI) return undefined;
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  if (!isWritable('/dev/fuse')) return 'needs /dev/fuse';
  const missing = ['unshare', 'nsenter', 'mount'].filter((command) => !isOnPath(command, env.PATH ?? ''));
  return missing.length > 0 ? `needs ${missing.join(', ')} (util-linux)` : undefined;
}

/** Starts the emulator, as the first process of a private mount namespace. */
export async function startPins({ folders = {}, ...options }: PinsOptions = {}): Promise<Pins> {
  const flags = [
    ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ...Object.entries(folders).flatMap(([place, folder]) => ['--folder', `${place}=${folder}`]),
  ];
  const main = join(root, 'test/support/gpio-emulator/main.ts');
  const emulator = spawn(
    'unshare',
    ['--mount', '--propagation', 'private', process.execPath, '--import', 'tsx', main, ...flags],
    { cwd: root },
  );
  const client = new LineClient(emulator);
  await client.next('ready');
  return {
    mountNamespace: `/proc/${emulator.pid}/ns/mnt`,
    setLevel: (bcm, level) => client.call('setLevel', bcm, level),
    pin: (bcm) => client.call('pin', bcm),
    occupy: (bcm) => client.call('occupy', bcm),
    breakLine: (bcm) => client.call('breakLine', bcm),
    repairLine: (bcm) => client.call('repairLine', bcm),
    frames: () => client.call('frames'),
    takeBits: () => client.call('takeBits'),
    spawn: (command, args, { env = process.env, cwd = root } = {}) =>
      spawn('nsenter', ['--mount', `--target=${emulator.pid}`, `--wdns=${cwd}`, '--', command, ...args], {
        env,
        cwd,
      }),
    stop: () => end(emulator),
  };
}

async function end(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

function isOnPath(command: string, path: string): boolean {
  return path.split(delimiter).some((folder) => isExecutable(join(folder, command)));
}

function isExecutable(path: string): boolean {
  return isAccessible(path, constants.X_OK);
}

function isWritable(path: string): boolean {
  return isAccessible(path, constants.W_OK);
}

function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
