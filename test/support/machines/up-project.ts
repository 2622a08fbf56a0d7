import { copyFile, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { makePublicKey } from '../bramble-yaml.ts';
import { type CliResult, runBuiltCli } from '../built-cli.ts';
import { removeFolder } from '../remove-folder.ts';
import { imageArchives } from './agent-archive.ts';
import { piPassword } from './debian.ts';
import type { Machines } from './machines.ts';

/** What `bramble up --json` says at its end, as far as tests look. */
export interface Finished {
  readonly steps: number;
  readonly tookMs: number;
  readonly passwordsFile: string;
  readonly nodes: readonly { readonly name: string; readonly state: string }[];
  readonly failures: readonly {
    readonly node: string;
    readonly phase: string;
    readonly error: { readonly code: string };
  }[];
}

export interface UpResult {
  readonly exit: number | null;
  readonly finished: Finished;
  /** All events, in their order. */
  readonly events: readonly Readonly<Record<string, unknown>>[];
}

/** A folder that knows machines as `bramble flash` would leave it, and the built program in it. */
export interface UpProject {
  readonly folder: string;
  readonly surroundings: { readonly cwd: string; readonly env: Readonly<Record<string, string>> };
  /** Everything that the program printed so far. */
  readonly transcript: readonly string[];
  /** Writes bramble.yaml for the first machines; the first of them are managers. */
  describe(nodes: number, managers?: number): Promise<void>;
  /** Takes the host keys that the test has pinned since. */
  pin(): Promise<void>;
  bramble(...argv: readonly string[]): Promise<CliResult>;
  /** Rejects when it did not come to its end. */
  up(...argv: readonly string[]): Promise<UpResult>;
  remove(): void;
}

export interface UpProjectOptions {
  /** Of bramble.yaml, how machines are reached; with the key of the test unless told. */
  readonly ssh?: Readonly<Record<string, string>>;
  /** Of the program, beside sudo's password. */
  readonly env?: Readonly<Record<string, string>>;
}

export async function makeUpProject(
  machines: Machines,
  { ssh = { key: machines.keyFile }, env = {} }: UpProjectOptions = {},
): Promise<UpProject> {
  const images = await imageArchives();
  const folder = await mkdtemp(join(tmpdir(), 'bramble-up-'));
  const surroundings = { cwd: folder, env: { BRAMBLE_USER_PASSWORD: piPassword, ...env } };
  const transcript: string[] = [];
  const pin = () => copyFile(machines.knownHosts, join(folder, '.bramble/known_hosts'));
  const bramble = async (...argv: readonly string[]) => {
    const result = await runBuiltCli(argv, surroundings);
    transcript.push(result.stdout, result.stderr);
    return result;
  };
  await mkdir(join(folder, '.bramble'), { mode: 0o700 });
  await pin();
  return {
    ...{ folder, surroundings, transcript, pin, bramble },
    describe: async (count, managers = 1) => {
      const nodes = machines.all.slice(0, count).map(({ name, address }, i) => ({
        ...{ name, host: address, role: i < managers ? 'manager' : 'worker' },
        labels: { place: `shelf-${i + 1}` },
      }));
      const cluster = {
        user: { name: 'pi', hasPassword: true, authorizedKeys: [makePublicKey()] },
        ssh,
        agent: { image: images.agent, brokerImage: images.broker },
        nodes,
      };
      await writeFile(join(folder, 'bramble.yaml'), stringify({ cluster }));
    },
    up: async (...argv) => {
      const { exit, stdout, stderr } = await bramble('up', '--json', ...argv);
      const events = stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line));
      const finished = events.at(-1);
      if (finished?.event !== 'finished')
        throw new Error(`bramble up ended otherwise: ${stdout.slice(-2000)}${stderr}`);
      return { exit, finished, events };
    },
    remove: () => removeFolder(folder),
  };
}
