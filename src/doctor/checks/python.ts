import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Check, ok, warn } from '../finding.ts';

const run = promisify(execFile);

export function checkPython(command = 'python3'): Check {
  return {
    name: 'Python',
    async run(signal) {
      try {
        const { stdout, stderr } = await run(command, ['--version'], { signal });
        return [ok((stdout || stderr).trim())];
      } catch {
        return [
          warn(`${command} does not run, so functions in Python cannot either`, 'sudo apt install python3'),
        ];
      }
    },
  };
}
