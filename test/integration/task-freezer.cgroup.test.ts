import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { CgroupFreezer } from '../../src/functions/freezing/task-freezer.cgroup.ts';
import { systemClock } from '../../src/support/clock.system.ts';
import { type FrozenWorld, freezerLayouts, openFrozenWorld, whyNoFreezer } from '../support/cgroups.ts';
import { containerId } from '../support/fake-task-freezer.ts';
import { codeOf } from '../support/requests.ts';
import { until } from '../support/wait.ts';

const id = containerId('c0ffee');

describe.each(freezerLayouts.map((layout) => ({ ...layout, why: whyNoFreezer(layout) })))(
  'the freezer of $name$why',
  ({ why, ...layout }) => {
    // In CI, too: which versions a kernel has mounted is not ours to choose.
    describe.skipIf(why !== '')('with a process that counts', () => {
      let world: FrozenWorld;
      let freezer: CgroupFreezer;
      let count: () => number;
      beforeEach(async () => {
        world = await openFrozenWorld(layout, id);
        freezer = new CgroupFreezer({ sysRoot: world.sysRoot, clock: systemClock });
        count = await world.startCounting();
        await until('it counts', () => count() > 0);
      });
      afterEach(async () => {
        await freezer.thaw(id);
        await world.remove();
      });

      it('stops it, and lets it go on where it was', async () => {
        await freezer.freeze(id);
        expect(await freezer.isFrozen(id)).toBe(true);
        const before = await settled(count);
        expect(await settled(count)).toBe(before);
        await freezer.thaw(id);
        expect(await freezer.isFrozen(id)).toBe(false);
        await until('it counts on', () => count() > before);
      });

      it('takes doing it twice as once', async () => {
        await Promise.all([freezer.freeze(id), freezer.freeze(id)]);
        expect(await freezer.isFrozen(id)).toBe(true);
        await Promise.all([freezer.thaw(id), freezer.thaw(id)]);
        expect(await freezer.isFrozen(id)).toBe(false);
      });
    });
  },
);

describe('the freezer of a container', () => {
  const freezerOf = (sysRoot: string) => new CgroupFreezer({ sysRoot, clock: systemClock });
  async function openSys(): Promise<string> {
    const sysRoot = await mkdtemp(join(tmpdir(), 'bramble-sys-'));
    onTestFinished(() => rm(sysRoot, { recursive: true, force: true }));
    return sysRoot;
  }

  it('that is gone cannot be frozen, needs no thawing and is not frozen', async () => {
    const freezer = freezerOf(await openSys());
    expect(await codeOf(freezer.freeze(id))).toBe('NOT_FOUND');
    await freezer.thaw(id);
    expect(await freezer.isFrozen(id)).toBe(false);
  });

  it('that the kernel does not freeze is thawed again and called unsupported', async () => {
    const sysRoot = await openSys();
    const folder = join(sysRoot, 'fs/cgroup/docker', id);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'cgroup.freeze'), '0');
    await writeFile(join(folder, 'cgroup.events'), 'populated 1\nfrozen 0\n');
    expect(await codeOf(freezerOf(sysRoot).freeze(id))).toBe('UNSUPPORTED');
    expect(await readFile(join(folder, 'cgroup.freeze'), 'utf8')).toBe('0');
  });

  it('is never looked for by anything that is no id', async () => {
    await expect(freezerOf(await openSys()).freeze('../../etc')).rejects.toThrow(TypeError);
  });
});

/** What the count is when nothing new came for 50 ms: output may still be in the pipe. */
async function settled(count: () => number): Promise<number> {
  let last = -1;
  while (count() !== last) {
    last = count();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return last;
}
