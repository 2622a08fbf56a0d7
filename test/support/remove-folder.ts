import { rmSync } from 'node:fs';
import { systemCode } from '../../src/support/errors.ts';

/** Removes a folder in which a process that was just killed, or a child of it, may still write for a moment. */
export function removeFolder(folder: string): void {
  for (let attempt = 1; ; attempt += 1) {
    try {
      rmSync(folder, { recursive: true, force: true });
      return;
    } catch (err) {
      if (systemCode(err) !== 'ENOTEMPTY' || attempt === 100) throw err;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
  }
}
