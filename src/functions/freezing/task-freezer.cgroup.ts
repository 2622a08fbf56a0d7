import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../support/clock.ts';
import { sleep } from '../../support/clock.ts';
import { BrambleError, systemCode } from '../../support/errors.ts';
import { isThere } from '../../support/is-there.ts';
import { isContainerId } from './freezer-message.ts';
import type { TaskFreezer } from './task-freezer.ts';

/** One version of the kernel's interface: https://docs.kernel.org/admin-guide/cgroup-v1/freezer-subsystem.html, …/cgroup-v2.html */
interface Version {
  readonly file: 'freezer.state' | 'cgroup.freeze';
  readonly frozen: string;
  readonly thawed: string;
  /** Is the wanted state reached, by what the kernel says of this cgroup? */
  readonly readIsFrozen: (file: string) => Promise<boolean>;
}

const v1: Version = {
  file: 'freezer.state',
  frozen: 'FROZEN',
  thawed: 'THAWED',
  readIsFrozen: async (file) => (await readFile(file, 'utf8')).trim() === 'FROZEN',
};

const v2: Version = {
  file: 'cgroup.freeze',
  frozen: '1',
  thawed: '0',
  readIsFrozen: async (file) =>
    /^frozen 1$/m.test(await readFile(join(dirname(file), 'cgroup.events'), 'utf8')),
};

/** Where Docker puts a container's cgroup with the cgroup drivers `cgroupfs` and `systemd`. */
const places: readonly { readonly version: Version; readonly folder: (containerId: string) => string }[] = [
  { version: v1, folder: (id) => `freezer/docker/${id}` },
  { version: v1, folder: (id) => `freezer/system.slice/docker-${id}.scope` },
  { version: v2, folder: (id) => `docker/${id}` },
  { version: v2, folder: (id) => `system.slice/docker-${id}.scope` },
];

/** A process in the middle of a system call may take a moment; one that waits for a dead disk takes for ever. */
const limitMs = 2_000;
const pollMs = 2;

export interface CgroupFreezerOptions {
  /** The host's `/sys`, bound writable; its files need uid 0 and no capability. */
  readonly sysRoot: string;
  readonly clock: Clock;
}

/** Freezes through the cgroup's freezer file: no Docker socket needed, and Swarm goes on to see a running task. */
export class CgroupFreezer implements TaskFreezer {
  readonly #options: CgroupFreezerOptions;

  constructor(options: CgroupFreezerOptions) {
    this.#options = options;
  }

  async freeze(containerId: string): Promise<void> {
    const found = await this.#find(containerId);
    if (found === undefined)
      throw new BrambleError(
        'NOT_FOUND',
        `no cgroup of container ${containerId} below ${this.#options.sysRoot}/fs/cgroup; is the host's /sys bound there?`,
      );
    const { version, file } = found;
    if (await this.#reach(version, file, { isFrozen: true })) return;
    await this.#reach(version, file, { isFrozen: false });
    throw new BrambleError(
      'UNSUPPORTED',
      `container ${containerId} was not frozen within ${limitMs} ms; a process of it cannot be interrupted now`,
    );
  }

  async thaw(containerId: string): Promise<void> {
    const found = await this.#find(containerId);
    if (found === undefined) return;
    if (!(await this.#reach(found.version, found.file, { isFrozen: false })))
      throw new BrambleError('UNSUPPORTED', `container ${containerId} was not thawed within ${limitMs} ms`);
  }

  async isFrozen(containerId: string): Promise<boolean> {
    const found = await this.#find(containerId);
    return found !== undefined && (await unlessGone(found.version.readIsFrozen(found.file), false));
  }

  async #find(
    containerId: string,
  ): Promise<{ readonly version: Version; readonly file: string } | undefined> {
    if (!isContainerId(containerId)) throw new TypeError(`not a container id: ${containerId}`);
    for (const { version, folder } of places) {
      const file = join(this.#options.sysRoot, 'fs/cgroup', folder(containerId), version.file);
      if (await isThere(file)) return { version, file };
    }
    return undefined;
  }

  /** Resolves to whether the state was reached in time. The kernel asks to write again while it is FREEZING (v1). */
  async #reach(version: Version, file: string, { isFrozen }: { isFrozen: boolean }): Promise<boolean> {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + limitMs;
    for (;;) {
      const wanted = isFrozen ? version.frozen : version.thawed;
      await unlessGone(writeFile(file, wanted, { flag: 'r+' }), undefined);
      // One that is gone meanwhile is in every state that was asked for.
      if ((await unlessGone(version.readIsFrozen(file), isFrozen)) === isFrozen) return true;
      if (clock.monotonicMs() >= deadlineMs) return false;
      await sleep(clock, pollMs);
    }
  }
}

async function unlessGone<Result>(access: Promise<Result>, otherwise: Result): Promise<Result> {
  try {
    return await access;
  } catch (cause) {
    const code = systemCode(cause) ?? '';
    if (code === 'ENOENT' || code === 'ENODEV') return otherwise;
    throw new BrambleError(
      'UNSUPPORTED',
      `a cgroup's freezer cannot be used (${code}); bind the host's /sys writable and run as root`,
      { cause },
    );
  }
}
