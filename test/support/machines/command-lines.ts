import type { Machine } from './machine.ts';

/** Often enough to see each process that does some work: starting sudo takes longer. */
const intervalMs = 10;

export interface CommandLines {
  readonly seen: ReadonlySet<string>;
  stop(): Promise<void>;
}

/** Collects the command lines of all processes of machines, until it is stopped. What is shorter than a look may escape it. */
export function recordCommandLines(machines: readonly Machine[]): CommandLines {
  const seen = new Set<string>();
  let isStopped = false;
  const record = async () => {
    while (!isStopped) {
      for (const machine of machines) {
        // One that is off, or reboots, has none.
        const lines = machine.isRunning ? await machine.commandLines().catch(() => []) : [];
        for (const line of lines) seen.add(line);
      }
      await new Promise((resolve) => setTimeout(resolve, intervalMs));
    }
  };
  const recording = record();
  return {
    seen,
    async stop() {
      isStopped = true;
      await recording;
    },
  };
}
