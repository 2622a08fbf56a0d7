import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootOffset, run } from '../pi-image.ts';
import { removeFolder } from '../remove-folder.ts';
import { until } from '../wait.ts';

/** A computer with a card in it. It has a network cable, and runs in software: `/dev/kvm` is not needed. */
export interface Board {
  /** What it has printed on its serial port, over all its starts: the last megabyte. */
  printed(): string;
  starts(): number;
  /** Resolves when its SSH server greets who connects. Rejects with what it printed last. */
  waitForSsh(timeoutMs: number): Promise<void>;
  /** Pulls the plug. */
  stop(): Promise<void>;
}

export interface BoardOptions {
  /** An image file. */
  readonly card: string;
  /** Of this machine's loopback; leads to port 22 of `address`. */
  readonly sshPort: number;
  /** The board's, in its network 10.0.2.0/24, where 10.0.2.2 is the router. */
  readonly address: string;
}

const keptCharacters = 1024 * 1024;
/** More than a first boot needs. */
const maxStarts = 6;

/**
 * Starts what is on a card as the Pi's firmware does: kernel, initramfs and command line come from the boot partition, anew at
 * every start. The board goes with this process, however that ends.
 */
export function powerOn(options: BoardOptions): Board {
  const work = mkdtempSync(join(tmpdir(), 'bramble-board-'));
  let printed = '';
  let starts = 0;
  let isOn = true;
  let machine: ChildProcess | undefined;
  let failure: unknown;
  const keepRunning = async (): Promise<void> => {
    for (; isOn; starts += 1) {
      if (starts === maxStarts) throw new Error(`the board has started ${maxStarts} times`);
      machine = startMachine(options, work, (text) => {
        printed = (printed + text).slice(-keptCharacters);
      });
      await once(machine, 'close');
    }
  };
  const running = keepRunning().catch((err: unknown) => {
    failure = err;
  });
  return {
    printed: () => printed,
    starts: () => starts + 1,
    async waitForSsh(timeoutMs) {
      const isGreeted = async (): Promise<boolean> => {
        if (failure !== undefined) throw failure;
        return await greets(options.sshPort);
      };
      try {
        await until('the board to answer by SSH', isGreeted, timeoutMs);
      } catch (cause) {
        throw new Error(`the board does not answer by SSH; it printed\n${printed.slice(-8000)}`, { cause });
      }
    },
    async stop() {
      isOn = false;
      machine?.kill('SIGKILL');
      await running;
      removeFolder(work);
    },
  };
}

/** It ends when what runs on it restarts, because QEMU would start the same kernel with the same command line again. */
function startMachine(
  { card, sshPort, address }: BoardOptions,
  work: string,
  onPrint: (text: string) => void,
): ChildProcess {
  const files = ['kernel8.img', 'initramfs8', 'cmdline.txt'];
  run('mcopy', ['-n', '-i', `${card}@@${bootOffset}`, ...files.map((file) => `::${file}`), work]);
  const [kernel = '', initramfs = '', cmdline = ''] = files.map((file) => join(work, file));
  const machine = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', 'qemu-system-x86_64', '-nodefaults', '-display', 'none', '-no-reboot'],
      // Newer processors than this one have what Debian's kernel stumbles over in emulation.
      ...['-accel', 'tcg,thread=multi', '-cpu', 'Nehalem', '-smp', '2', '-m', '1024', '-serial', 'stdio'],
      ...['-kernel', kernel, '-initrd', initramfs, '-append', asFirmwareHasIt(readFileSync(cmdline, 'utf8'))],
      ...['-drive', `file=${card},format=raw,if=virtio,cache=unsafe`, '-device', 'virtio-rng-pci'],
      ...['-netdev', `user,id=lan,hostfwd=tcp:127.0.0.1:${sshPort}-${address}:22`],
      ...['-device', 'virtio-net-pci,netdev=lan'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  for (const output of [machine.stdout, machine.stderr]) output.setEncoding('utf8').on('data', onPrint);
  return machine;
}

/** It knows which of a Pi's serial ports is the one on the pins. There is no screen, so all messages go to that port. */
function asFirmwareHasIt(cmdline: string): string {
  return cmdline
    .trim()
    .replace('console=serial0,', 'console=ttyS0,')
    .replace(/ (console=tty1|quiet)\b/g, '');
}

const greetingMs = 2_000;
const pauseMs = 200;

/** QEMU takes every connection, and closes it when the board does not; only a greeting (RFC 4253, section 4.2) tells. */
async function greets(port: number): Promise<boolean> {
  const socket = createConnection(port, '127.0.0.1').setTimeout(greetingMs, () => socket.destroy());
  try {
    const greeting = await new Promise<string>((resolve) => {
      socket.once('data', (data) => resolve(String(data)));
      socket.on('error', () => {}); // followed by `close`
      socket.once('close', () => setTimeout(resolve, pauseMs, ''));
    });
    return greeting.startsWith('SSH-2.0-');
  } finally {
    socket.destroy();
  }
}
