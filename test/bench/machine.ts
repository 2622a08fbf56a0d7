import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

/**
 * What figures depend on: `2026-11-22, 2 cores of AMD EPYC, 4 GB, Node.js 20.20.2, Debian 12; load of other work 0.4`.
 * To be asked before a bench makes a load of its own.
 */
export function describeMachine(): string {
  const today = new Date().toISOString().slice(0, 10);
  const model = cpus()[0]?.model.trim() || 'an unnamed processor';
  const memory = `${Math.round(totalmem() / 1e9)} GB`;
  const machine = `${availableParallelism()} cores of ${model}, ${memory}, Node.js ${process.versions.node}, ${system()}`;
  return `${today}, ${machine}; load of other work ${loadavg()[0]?.toFixed(1)}`;
}

function system(): string {
  const release = readFileSync('/etc/os-release', 'utf8');
  const field = (name: string) => new RegExp(`^${name}="?([^"\\n]*)`, 'm').exec(release)?.[1];
  return field('PRETTY_NAME')?.replace(/^Debian GNU\/Linux (\d+).*/, 'Debian $1') ?? 'Linux';
}
