import { type ExecFileException, execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { BrambleError, systemCode } from '../../src/support/errors.ts';
import { parseJson } from '../../src/support/json.ts';
import type { DiskInfo } from './disk-info.ts';
import { readDiskutil, wholeDisksOf } from './read-diskutil.ts';
import { readLsblk, type SlotDevice } from './read-lsblk.ts';

export interface ListDisksOptions {
  readonly signal: AbortSignal;
}

/** Every whole disk of this machine, also those that must not be written. Rejects UNSUPPORTED where no program lists them. */
export async function listDisks({ signal }: ListDisksOptions): Promise<DiskInfo[]> {
  switch (process.platform) {
    case 'linux':
      return listOnLinux(signal);
    case 'darwin':
      return listOnMac(signal);
    default:
      throw new BrambleError(
        'UNSUPPORTED',
        `disks cannot be written on ${process.platform}; write image files (--to), and those to cards with another program`,
      );
  }
}

async function listOnLinux(signal: AbortSignal): Promise<DiskInfo[]> {
  const [output, slots] = await Promise.all([
    // All that it knows, as an older version refuses to run when it is asked for what only a newer one knows.
    run('lsblk', ['--json', '--bytes', '--output-all'], { signal }),
    readSlots(),
  ]);
  return readLsblk(parseJson(output, { what: 'the output of lsblk' }), slots);
}

async function readSlots(): Promise<Map<string, SlotDevice>> {
  const names = (await readdir('/sys/block').catch(() => [])).filter((name) => name.startsWith('mmcblk'));
  const read = async (name: string, file: string): Promise<string> =>
    (await readFile(`/sys/block/${name}/device/${file}`, 'utf8').catch(() => '')).trim();
  return new Map(
    await Promise.all(
      names.map(
        async (name): Promise<[string, SlotDevice]> => [
          name,
          { type: await read(name, 'type'), name: await read(name, 'name') },
        ],
      ),
    ),
  );
}

async function listOnMac(signal: AbortSignal): Promise<DiskInfo[]> {
  const list = await diskutil(['list', '-plist'], signal);
  const infos = new Map<string, unknown>();
  for (const name of wholeDisksOf(list)) infos.set(name, await diskutil(['info', '-plist', name], signal));
  return readDiskutil(list, infos);
}

async function diskutil(args: readonly string[], signal: AbortSignal): Promise<unknown> {
  const plist = await run('diskutil', args, { signal });
  const json = await run('plutil', ['-convert', 'json', '-o', '-', '-'], { signal, stdin: plist });
  return parseJson(json, { what: `the output of diskutil ${args.join(' ')}` });
}

/** A disk that fails can hold up whoever asks for it. */
const timeoutMs = 20_000;
const maxOutputBytes = 16 * 1024 * 1024;

interface RunOptions {
  readonly signal: AbortSignal;
  readonly stdin?: string;
}

function run(program: string, args: readonly string[], { signal, stdin }: RunOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { signal, timeout: timeoutMs, maxBuffer: maxOutputBytes },
      (err, stdout, stderr) => {
        if (err === null) resolve(stdout);
        else reject(signal.aborted ? signal.reason : toRunError(err, program, stderr));
      },
    );
    child.stdin?.on('error', () => {}); // its exit status tells why it did not read
    child.stdin?.end(stdin ?? '');
  });
}

function toRunError(err: ExecFileException, program: string, stderr: string): BrambleError {
  const why =
    systemCode(err) === 'ENOENT'
      ? 'it is not installed here; install util-linux, or write an image file (--to)'
      : err.killed
        ? `no answer within ${timeoutMs / 1000} s; is a disk failing?`
        : stderr.trim() || err.message;
  return new BrambleError('UNSUPPORTED', `cannot list the disks with ${program}: ${why}`, { cause: err });
}
