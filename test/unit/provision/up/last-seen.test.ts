import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { noteSeen, readLastSeen } from '../../../../provision/up/last-seen.ts';
import { removeFolder } from '../../../support/remove-folder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bramble-seen-'));
  onTestFinished(() => removeFolder(folder));
});
const file = () => join(folder, 'bramble.yaml');

describe('noteSeen', () => {
  it('keeps when each node was last reached', async () => {
    await noteSeen(file(), ['pi-01', 'pi-02'], 0);
    await noteSeen(file(), ['pi-02'], 1000);
    expect(await readLastSeen(file())).toEqual({
      'pi-01': '1970-01-01T00:00:00.000Z',
      'pi-02': '1970-01-01T00:00:01.000Z',
    });
    expect(readdirSync(join(folder, '.bramble'))).toEqual(['seen.json']);
  });

  it('fails nobody where it cannot keep it', async () => {
    writeFileSync(join(folder, '.bramble'), 'no folder');
    await noteSeen(file(), ['pi-01'], 0);
    expect(await readLastSeen(file())).toEqual({});
  });
});
