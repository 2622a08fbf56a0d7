import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadNodeInfo } from '../../../src/discovery/node-info.ts';

async function procRoot(files: Record<string, string>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'bramble-proc-'));
  onTestFinished(() => rm(root, { recursive: true }));
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), text);
  }
  return root;
}

const cpuinfo = `processor\t: 0
BogoMIPS\t: 108.00

Revision\t: c03115
Serial\t\t: 10000000abcdef01
Model\t\t: Raspberry Pi 4 Model B Rev 1.5
`;

describe('what a node is', () => {
  it('is read from the device tree, whose strings end with NUL', async () => {
    const root = await procRoot({
      'device-tree/model': 'Raspberry Pi 5 Model B Rev 1.0\0',
      'device-tree/serial-number': 'fedcba9876543210\0',
      cpuinfo,
    });
    expect(await loadNodeInfo(root)).toEqual({
      model: 'Raspberry Pi 5 Model B Rev 1.0',
      serial: 'fedcba9876543210',
    });
  });

  it('is read from cpuinfo where the device tree is hidden', async () => {
    expect(await loadNodeInfo(await procRoot({ cpuinfo }))).toEqual({
      model: 'Raspberry Pi 4 Model B Rev 1.5',
      serial: '10000000abcdef01',
    });
  });

  it('is not known on other machines', async () => {
    const root = await procRoot({ cpuinfo: 'processor\t: 0\nmodel name\t: Some CPU\n' });
    expect(await loadNodeInfo(root)).toEqual({});
    expect(await loadNodeInfo(join(root, 'none'))).toEqual({});
  });
});
