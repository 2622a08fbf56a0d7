import { execFileSync } from 'node:child_process';

/** Tests that start the built program, or the store's worker thread, find a fresh dist/. */
export function setup(): void {
  execFileSync(process.execPath, ['build.mjs', '--quiet'], { stdio: 'inherit' });
}
