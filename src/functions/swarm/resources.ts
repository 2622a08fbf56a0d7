import type { Problem } from '../../support/errors.ts';
import type { FunctionSpec } from '../spec.ts';

export interface Amounts {
  readonly MemoryBytes?: number;
  readonly NanoCPUs?: number;
}

const powers: Readonly<Record<string, number>> = { '': 0, k: 1, m: 2, g: 3, t: 4, p: 5 };
const nanoPerCpu = 1e9;

/**
 * `64m`, `64Mi`, `64MB`, `64MiB` and `67108864` are the same: Docker counts memory in powers of 1024 however it is
 * written, and stack files were written for it. `undefined` when it cannot be read.
 */
export function parseMemory(text: string): number | undefined {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b?)$/i.exec(text.trim()) ?? [];
  const power = powers[unit.toLowerCase()];
  return number === '' || power === undefined ? undefined : Math.round(Number(number) * 1024 ** power);
}

/**
 * `0.5` or `500m` of a core. Whole numbers from a million on are billionths, which is all that OpenFaaS's provider for
 * Swarm could read. `undefined` when it cannot be read.
 */
export function parseCpu(text: string): number | undefined {
  const [, number = '', milli] = /^(\d+(?:\.\d+)?)(m?)$/.exec(text.trim()) ?? [];
  const value = Number(number);
  if (number === '' || value === 0) return undefined;
  if (milli === 'm') return Math.round(value * 1e6);
  return value >= 1e6 ? Math.round(value) : Math.round(value * nanoPerCpu);
}

/** Collects in `problems` what cannot be read. */
export function toAmounts(
  given: FunctionSpec['limits'],
  { path, problems }: { readonly path: string; readonly problems: Problem[] },
): Amounts {
  const { memory, cpu } = given ?? {};
  const memoryBytes = memory ? parseMemory(memory) : undefined;
  const nanoCpus = cpu ? parseCpu(cpu) : undefined;
  if (memory && memoryBytes === undefined)
    problems.push({ path: `${path}.memory`, message: `must be like 64Mi, 128m or 1g, not "${memory}"` });
  if (cpu && nanoCpus === undefined)
    problems.push({ path: `${path}.cpu`, message: `must be like 0.5 or 500m, not "${cpu}"` });
  return {
    ...(memoryBytes === undefined ? {} : { MemoryBytes: memoryBytes }),
    ...(nanoCpus === undefined ? {} : { NanoCPUs: nanoCpus }),
  };
}

/** The way back, as Kubernetes writes it; `undefined` when there are none. */
export function fromAmounts(
  amounts: { MemoryBytes?: number | null; NanoCPUs?: number | null } | null | undefined,
): { memory?: string; cpu?: string } | undefined {
  const bytes = amounts?.MemoryBytes ?? 0;
  const nano = amounts?.NanoCPUs ?? 0;
  if (bytes === 0 && nano === 0) return undefined;
  return {
    ...(bytes === 0 ? {} : { memory: bytes % 1024 ** 2 === 0 ? `${bytes / 1024 ** 2}Mi` : `${bytes}` }),
    ...(nano === 0 ? {} : { cpu: nano % 1e6 === 0 ? `${nano / 1e6}m` : `${nano / nanoPerCpu}` }),
  };
}
