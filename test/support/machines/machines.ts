/**
 * Debian machines as they are when their card was flashed and they have booted: SSH with a host key that the test knows, a user
 * `pi` with a key of the test's, sudo, and nothing else. They are joined by a switch, and have no way out of it: apt installs
 * what `debian.ts` offers. All of it ends with the test process, however that ends.
 *
 *   const machines = await startMachines({ count: 3 });
 *   new SshRemote(machines.target(0), …)                over OpenSSH, with the host key pinned
 *   const machine = machines.at(0);
 *   machine.address                                     10.77.x.11: ports of the machine are reached there
 *   machine.exec(['docker', 'node', 'ls'])              by the back door
 *   machine.kill() · start()                            power cut · power back (same disk)
 *   machine.cut() · heal()                              network cable
 *   machine.pause() · resume()                          all its processes hang
 *   machine.wipe({ renewHostKey: true }) · start()      another flash of the card
 *   machine.journal() · commandLines()                  where a secret must not be
 *   await machines.stop();
 *
 * The first machine of a release takes a minute or two, once for all runs (`preparationMs`).
 * Where there can be none: `describe.skipIf(whyNoMachines())(`on machines${whyNoMachines()}`, …)`.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeHostKey } from '../../../provision/customise/host-keys.ts';
import { pinHostKey } from '../../../provision/customise/known-hosts.ts';
import type { SshTarget } from '../../../provision/remote/ssh-arguments.ts';
import { isAlive, openLan } from '../docker/lan.ts';
import { debianRoot, dockerLayer, piHome, type Release } from './debian.ts';
import { Machine } from './machine.ts';

/** For the hook of the test that may be first: longer than making every root file system on a busy machine. */
export const preparationMs = 600_000;

/** The reason why there can be no machines, as the end of a test's name; empty when there can, and in CI, where there must. */
export function whyNoMachines(): string {
  if (process.env.CI !== undefined) return '';
  if (process.getuid?.() !== 0) return ' (skipped: machines need root)';
  const missing = ['mmdebstrap', 'ip', 'nsenter', 'unshare', 'setpriv', 'flock', 'ssh'].filter(
    (program) => spawnSync('which', [program]).status !== 0,
  );
  return missing.length === 0 ? '' : ` (skipped: ${missing.join(', ')} not installed)`;
}

export interface MachinesOptions {
  readonly count: number;
  readonly release?: Release;
  /** `offered`: apt can install it. */
  readonly docker?: 'offered' | 'installed';
  /** How sudo treats `pi`; its password is `piPassword`. */
  readonly sudo?: 'nopasswd' | 'password' | 'none';
  /** What the firmware says that they are. */
  readonly model?: string;
  /** By machine, where its `/sys/class` and `/sys/bus` come from: of emulated pins. */
  readonly mountNamespaces?: Readonly<Record<number, string>>;
  /** How many processors each of them has at most, so that one does not slow another down. */
  readonly processors?: number;
}

export interface Machines {
  /** `pi-01`, `pi-02`, … */
  readonly all: readonly Machine[];
  at(index: number): Machine;
  /** As `pi`, with the key and the known hosts of the test. */
  target(index: number): SshTarget;
  /** Private key of `pi`. */
  readonly keyFile: string;
  /** Has the host keys of all machines. */
  readonly knownHosts: string;
  /** Makes a machine's new host key the known one. */
  pin(index: number): void;
  /** Address of this machine in their network. */
  readonly hostAddress: string;
  /** Ends them and removes everything. */
  stop(): Promise<void>;
}

/** Resolves when SSH answers on all of them. */
export async function startMachines({
  count,
  release = 'bookworm',
  docker = 'offered',
  sudo = 'nopasswd',
  model = 'Raspberry Pi 4 Model B Rev 1.4',
  mountNamespaces = {},
  processors,
}: MachinesOptions): Promise<Machines> {
  const layers = [...(docker === 'installed' ? [await dockerLayer(release)] : []), await debianRoot(release)];
  await sweepFolders();
  const lan = await openLan();
  const folder = await mkdtemp(join(tmpdir(), `bramble-machines-${process.pid}-`));
  const key = makeHostKey('tests');
  const all = Array.from({ length: count }, (_, index) => {
    const name = `pi-${String(index + 1).padStart(2, '0')}`;
    const place = join(folder, name);
    const files = { ...sudoers[sudo], [`${piHome}/.ssh/authorized_keys`]: `${key.publicKey}\n` };
    const mountNamespace = mountNamespaces[index];
    const bootArgs = bootArgsOf[release];
    return new Machine({
      ...{ name, index, lan, folder: place, layers, files, bootArgs, model, mountNamespace, processors },
    });
  });
  const at = (index: number) => {
    const machine = all[index];
    if (machine === undefined) throw new TypeError(`there is no machine ${index}, only ${count}`);
    return machine;
  };
  const keyFile = join(folder, 'key');
  const knownHosts = join(folder, 'known-hosts/all');
  const pin = (index: number) =>
    pinHostKey(knownHosts, [{ name: at(index).address, port: 22 }], at(index).hostKey);
  const stop = async () => {
    await Promise.all(all.map((machine) => machine.kill()));
    await lan.remove();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await writeFile(keyFile, key.privateKey, { mode: 0o600 });
    for (const index of all.keys()) pin(index);
    const started = await Promise.allSettled(all.map((machine) => machine.start()));
    for (const one of started) if (one.status === 'rejected') throw one.reason;
  } catch (err) {
    await stop();
    throw err;
  }
  return {
    all,
    at,
    target: (index) => ({
      ...{ name: at(index).name, host: at(index).address, user: 'pi', port: 22 },
      ...{ key: keyFile, knownHosts: [knownHosts] },
    }),
    keyFile,
    knownHosts,
    pin,
    hostAddress: lan.hostAddress,
    stop,
  };
}

const sudoers: Readonly<Record<'nopasswd' | 'password' | 'none', Readonly<Record<string, string>>>> = {
  nopasswd: { '/etc/sudoers.d/010_pi-nopasswd': 'pi ALL=(ALL) NOPASSWD: ALL\n' },
  password: { '/etc/sudoers.d/010_pi': 'pi ALL=(ALL) ALL\n' },
  none: {},
};

/** systemd 256 and later want to be asked for the cgroups that this kernel may have (systemd's NEWS, 256). */
const bootArgsOf: Readonly<Record<Release, readonly string[]>> = {
  bookworm: [],
  trixie: ['SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1'],
};

/** Runs that were killed left their disks behind. */
async function sweepFolders(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^bramble-machines-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid)))
      await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
}
