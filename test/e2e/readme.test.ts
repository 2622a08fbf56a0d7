import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.ts';
import { root } from '../support/repo.ts';
import { until } from '../support/wait.ts';

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```sh runnable\n(.*?)^```$/gms)].map((match) => match[1] ?? '');

let folder: string;
let env: Record<string, string>;
let agent: ChildProcess;

/** A clone in which `npm start` runs, on ports of its own, and `npx bramble` is this build. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bramble-readme-'));
  cpSync(join(root, 'functions'), join(folder, 'functions'), { recursive: true });
  mkdirSync(join(folder, 'bin'));
  const npx = `#!/bin/sh\n[ "$1" = bramble ] && shift\nexec '${process.execPath}' '${join(root, 'dist/cli.js')}' "$@"\n`;
  writeFileSync(join(folder, 'bin/npx'), npx);
  chmodSync(join(folder, 'bin/npx'), 0o755);
  env = {
    PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
    HOME: folder,
    BRAMBLE_GATEWAY__PORT: String(await freePort()),
    BRAMBLE_MQTT__LISTEN__PORT: String(await freePort()),
  };
  agent = spawn(process.execPath, [join(root, 'dist/cli.js'), 'dev'], { cwd: folder, env });
  let output = '';
  agent.stdout?.on('data', (data: Buffer) => (output += data));
  await until('the start screen', () => output.includes('password'));
});
afterAll(async () => {
  const exited = once(agent, 'exit');
  agent.kill('SIGINT');
  await exited;
  rmSync(folder, { recursive: true, force: true });
});

function run(script: string) {
  return spawnSync('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder,
    env,
    encoding: 'utf8',
    input: '',
    timeout: 60_000,
  });
}

describe('the README', () => {
  it('has commands to run', () => {
    expect(blocks.length).toBeGreaterThanOrEqual(3);
  });

  it.each(blocks.map((block) => [block.split('\n')[0], block]))('runs: %s …', (_first, block) => {
    const { status, stderr } = run(block);
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('leaves a function behind that answers as its text says', () => {
    expect(run('npx bramble invoke hello -d world').stdout).toBe('{"hello":"world"}');
  });
});
