import { execFileSync } from 'node:child_process';

/** Whether tests of Python functions are to be skipped: where python3 is missing, except in CI, where they must run. */
export const lacksPython = !process.env.CI && !hasPython();

function hasPython(): boolean {
  try {
    execFileSync('python3', ['--version']);
    return true;
  } catch {
    return false;
  }
}
