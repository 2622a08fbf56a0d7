import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ProcessRuntime, type ProcessRuntimeOptions } from '../../src/functions/runtime.process.ts';
import type { FunctionSpec } from '../../src/functions/spec.ts';
import { MemoryStore } from '../../src/store/store.memory.ts';
import { systemClock } from '../../src/support/clock.system.ts';
import { silentLog } from '../../src/support/log.ts';
import { Metrics } from '../../src/support/metrics.ts';
import { never } from './requests.ts';

export const functionsDir = fileURLToPath(new URL('../../functions', import.meta.url));
export const probeDir = fileURLToPath(new URL('./probe', import.meta.url));

export interface OpenRuntime {
  readonly runtime: ProcessRuntime;
  readonly dataDir: string;
  readonly store: MemoryStore;
  close(): Promise<void>;
}

/** A started process runtime with data of its own; `close` ends it and removes the data. */
export async function openProcessRuntime(options: Partial<ProcessRuntimeOptions> = {}): Promise<OpenRuntime> {
  const dataDir = await mkdtemp(join(tmpdir(), 'bramble-runtime-'));
  const store = new MemoryStore();
  await store.start(never);
  const runtime = newProcessRuntime({ dataDir, store, ...options });
  await runtime.start();
  return {
    runtime,
    dataDir,
    store,
    async close() {
      await runtime.stop();
      await store.stop();
      await rm(dataDir, { recursive: true });
    },
  };
}

export function newProcessRuntime(
  options: Pick<ProcessRuntimeOptions, 'dataDir' | 'store'> & Partial<ProcessRuntimeOptions>,
): ProcessRuntime {
  return new ProcessRuntime({
    node: 'here',
    clock: systemClock,
    log: silentLog,
    metrics: new Metrics(),
    maxAnswerBytes: 10_000_000,
    logBytes: 1_000_000,
    scheduleProblem: () => undefined,
    functionsDir,
    env: process.env,
    ...options,
  });
}

export type ProbeMode = 'node' | 'python' | 'fork' | 'http';

/** The probe function, run in one of the ways of the process runtime. */
export function probeSpec(mode: ProbeMode, name: string, fields: Partial<FunctionSpec> = {}): FunctionSpec {
  const annotations = { 'bramble.handler': probeDir, ...fields.annotations };
  const base = { service: name, image: 'probe', ...fields };
  switch (mode) {
    case 'node':
    case 'python':
      return { ...base, annotations: { ...annotations, 'bramble.lang': mode } };
    case 'fork':
      return { ...base, annotations, envProcess: './probe.sh' };
    case 'http':
      return {
        ...base,
        annotations,
        envProcess: `${process.execPath} server.mjs`,
        envVars: { ...fields.envVars, mode: 'http' },
      };
    default:
      return mode satisfies never;
  }
}
