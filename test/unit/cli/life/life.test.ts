import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { resetCluster } from '../../../../src/cli/life/reset-cluster.ts';
import { withLife } from '../../../../src/cli/life/with-life.ts';
import { systemClock } from '../../../../src/support/clock.system.ts';
import { makeProject } from '../../../support/bramble-yaml.ts';
import { fakeContext, runInProcess } from '../../../support/cli-context.ts';

describe('bramble add', () => {
  it('adds nodes to the file, and says what comes next', async () => {
    const { file } = makeProject();
    const { exit, stdout } = await runInProcess([
      'add',
      'pi-02',
      '--label',
      'room=hall',
      '-c',
      file,
      '--json',
    ]);
    expect([exit, JSON.parse(stdout)]).toEqual([
      0,
      { file, added: ['pi-02'], next: ['bramble flash pi-02', 'bramble up'] },
    ]);
    expect(readFileSync(file, 'utf8')).toMatch(/- name: pi-02\n {6}labels:\n {8}room: hall\n$/);
  });

  it('leaves the file as it is when it would not be valid any more', async () => {
    const { file } = makeProject();
    const before = readFileSync(file, 'utf8');
    expect((await runInProcess(['add', 'pi-02', '--role', 'manager', '-c', file])).exit).toBe(2);
    expect((await runInProcess(['add', 'pi-01', '-c', file])).exit).toBe(5);
    expect((await runInProcess(['add', 'a', 'b', '--address', '10.0.0.2/24', '-c', file])).exit).toBe(2);
    expect(readFileSync(file, 'utf8')).toBe(before);
  });
});

describe('bramble reset', () => {
  it('touches nothing before the cluster is named', async () => {
    const { file, folder } = makeProject({ name: 'home' });
    const { context } = fakeContext({ home: folder });
    const parts = {
      openRemotes: () => Promise.reject(new Error('a node was reached')),
      clock: systemClock,
    };
    const reset = (yesIMean?: string) =>
      resetCluster(
        [],
        { config: file, timeout: 1, ...(yesIMean && { yesIMean }) },
        { ...context, setExit: () => {} },
        parts,
      );
    await expect(reset()).rejects.toThrow(/--yes-i-mean home/);
    await expect(reset('bramble')).rejects.toThrow(
      /"bramble" is not the name of the cluster, home; nothing was changed/,
    );
    await expect(reset('home')).rejects.toThrow('a node was reached');
  });
});

describe('a command that changes a cluster', () => {
  it('keeps others from doing so meanwhile, and ends its connections in any case', async () => {
    const { file, folder } = makeProject();
    const { context } = fakeContext({ home: folder });
    const closed = vi.fn(async () => {});
    const parts = { openRemotes: async () => ({ byName: new Map(), close: closed }), clock: systemClock };
    const options = { flags: { config: file }, context: { ...context, setExit: () => {} }, parts };
    const outcome = withLife(options, async () => {
      await expect(withLife(options, async () => {})).rejects.toMatchObject({ code: 'CONFLICT' });
      throw new Error('it failed');
    });
    await expect(outcome).rejects.toThrow('it failed');
    expect(closed).toHaveBeenCalledOnce();
    expect(await withLife(options, async ({ wanted }) => wanted.file)).toBe(join(folder, 'bramble.yaml'));
  });
});
