import { readFile } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { systemCode } from '../support/errors.ts';

/** Time that all processors together have spent since boot, in one unit or another; only differences mean anything. */
export interface CpuTimes {
  readonly busy: number;
  readonly total: number;
}

/** Raw figures of one moment. */
export interface Usage {
  readonly cpu: CpuTimes;
  /** 0 to 1: the part of memory that could not be given to a new process. */
  readonly memoryRatio: number;
}

/** Reads `stat` and `meminfo` below `procRoot`; a machine without them (a laptop's macOS) is asked through Node. */
export async function loadUsage(procRoot: string): Promise<Usage> {
  try {
    const [stat, meminfo] = await Promise.all(
      ['stat', 'meminfo'].map((file) => readFile(join(procRoot, file), 'utf8')),
    );
    const cpu = parseCpuTimes(stat ?? '');
    const memoryRatio = parseMemoryRatio(meminfo ?? '');
    if (cpu !== undefined && memoryRatio !== undefined) return { cpu, memoryRatio };
  } catch (err) {
    if (systemCode(err) !== 'ENOENT') throw err;
  }
  return usageFromNode();
}

/**
 * The line `cpu` of /proc/stat: user nice system idle iowait irq softirq steal guest guest_nice (proc_stat(5)).
 * Waiting for a disk is idleness. The last two are contained in user and nice already.
 */
export function parseCpuTimes(stat: string): CpuTimes | undefined {
  const line = /^cpu +(\d[\d ]*)$/m.exec(stat)?.[1];
  const fields = line?.trim().split(/ +/).map(Number) ?? [];
  const [, , , idle, iowait = 0] = fields;
  if (idle === undefined) return undefined;
  const total = fields.slice(0, 8).reduce((sum, ticks) => sum + ticks, 0);
  return { busy: total - idle - iowait, total };
}

/** MemAvailable is the kernel's own estimate of what can be had without swapping; MemFree would ignore the cache. */
export function parseMemoryRatio(meminfo: string): number | undefined {
  const kilobytes = (key: string) => {
    const digits = new RegExp(`^${key}: +(\\d+) kB$`, 'm').exec(meminfo)?.[1];
    return digits === undefined ? undefined : Number(digits);
  };
  const [total, available] = [kilobytes('MemTotal'), kilobytes('MemAvailable')];
  if (total === undefined || available === undefined || total === 0) return undefined;
  return toRatio(1 - available / total);
}

/** Part of the time between two moments that was busy; `undefined` when no time has passed. */
export function cpuRatioBetween(before: CpuTimes, after: CpuTimes): number | undefined {
  const total = after.total - before.total;
  return total > 0 ? toRatio((after.busy - before.busy) / total) : undefined;
}

function usageFromNode(): Usage {
  let [busy, total] = [0, 0];
  for (const { times } of cpus()) {
    const all = times.user + times.nice + times.sys + times.idle + times.irq;
    total += all;
    busy += all - times.idle;
  }
  return { cpu: { busy, total }, memoryRatio: toRatio(1 - freemem() / totalmem()) };
}

/** iowait may run backwards, so a difference may fall a little outside. */
function toRatio(value: number): number {
  return Math.min(1, Math.max(0, value));
}
