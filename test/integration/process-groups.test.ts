import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Endpoint } from '../../src/functions/endpoint.ts';
import { Guardian } from '../../src/functions/process/guardian.ts';
import { launch } from '../../src/functions/process/process-group.ts';
import { systemClock } from '../../src/support/clock.system.ts';
import { silentLog } from '../../src/support/log.ts';
import {
  type OpenRuntime,
  openProcessRuntime,
  type ProbeMode,
  probeSpec,
} from '../support/process-runtime.ts';
import { buildRequest, codeOf, never, textOf } from '../support/requests.ts';
import { until } from '../support/wait.ts';

const modes: ProbeMode[] = ['node', 'fork', 'http'];

/** Ids of live processes whose environment names this folder; that is how functions of one test are told from others. */
async function processesWith(folder: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      return environment.includes(`state_dir=${folder}`) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}

describe('processes of functions', () => {
  let open: OpenRuntime;
  beforeEach(async () => {
    open = await openProcessRuntime();
  });
  afterEach(() => open.close());

  async function hanging(
    mode: ProbeMode,
    execTimeout: string,
  ): Promise<{ endpoint: Endpoint; work: Promise<unknown> }> {
    await open.runtime.deploy(probeSpec(mode, 'probe', { envVars: { exec_timeout: execTimeout } }));
    const endpoint = await until('a replica', () => open.runtime.endpoints('probe')[0]);
    const work = endpoint.invoke(buildRequest('/hang'), { signal: never });
    work.catch(() => {});
    // The function and the child that it started.
    await until('the child of the function', async () => (await processesWith(open.dataDir)).length >= 2);
    return { endpoint, work };
  }

  for (const mode of ['node', 'fork'] as const)
    it(`are killed with their own children when a request runs into exec_timeout (${mode})`, async () => {
      const { work } = await hanging(mode, '1s');
      const before = await processesWith(open.dataDir);
      expect(await codeOf(work)).toBe('FUNCTION_TIMEOUT');
      await until('the end of all of them', async () => {
        const left = await processesWith(open.dataDir);
        return before.every((pid) => !left.includes(pid));
      });
    });

  for (const mode of modes)
    it(`are gone when the function is removed (${mode})`, async () => {
      await hanging(mode, '1s');
      await open.runtime.remove('probe');
      expect(await processesWith(open.dataDir)).toEqual([]);
    });

  for (const mode of modes)
    it(`are gone when the runtime has stopped (${mode})`, async () => {
      await hanging(mode, '0');
      await open.runtime.stop();
      expect(await processesWith(open.dataDir)).toEqual([]);
    });

  for (const mode of modes)
    it(`do not outlive an agent that was killed with -9 (${mode})`, async () => {
      const dataDir = await mkdtemp(join(tmpdir(), 'bramble-killed-'));
      const program = fileURLToPath(new URL('../support/runtime-child.ts', import.meta.url));
      const agent = spawn(process.execPath, ['--import', 'tsx', program, mode, dataDir], {
        stdio: 'inherit',
      });
      await until('the function and its child', async () => (await processesWith(dataDir)).length >= 2);
      agent.kill('SIGKILL');
      await once(agent, 'exit');
      await until('the end of all of them', async () => (await processesWith(dataDir)).length === 0);
      await rm(dataDir, { recursive: true });
    });

  it('are started again when they are killed from outside', async () => {
    await open.runtime.deploy(probeSpec('http', 'probe'));
    const endpoint = await until('a replica', () => open.runtime.endpoints('probe')[0]);
    const pid = Number(await textOf(await endpoint.invoke(buildRequest('/pid'), { signal: never })));
    process.kill(pid, 'SIGKILL');
    const next = await until('another replica', () =>
      open.runtime.endpoints('probe').find(({ id }) => id !== endpoint.id),
    );
    expect(Number(await textOf(await next.invoke(buildRequest('/pid'), { signal: never })))).not.toBe(pid);
  });
});

describe('a process group', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('that has become another user’s ends nothing but itself', async () => {
    vi.spyOn(process, 'kill').mockImplementation(() => {
      throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
    });
    const group = await launch(
      { command: ['true'], cwd: '/', env: { PATH: process.env.PATH ?? '' }, stdio: 'ignore' },
      { guardian: new Guardian(silentLog), clock: systemClock },
    );
    expect(await group.exited).toEqual({ code: 0, signal: null });
    await group.end(0);
  });
});
