import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Inventory } from '../../../provision/inventory.ts';
import { SshRemote } from '../../../provision/remote/remote.ssh.ts';
import type { Phase } from '../../../provision/up/phase.ts';
import { readFacts } from '../../../provision/up/read-facts.ts';
import { runPhases, type UpOutcome } from '../../../provision/up/run-phases.ts';
import { systemClock } from '../../../src/support/clock.system.ts';
import { removeFolder } from '../remove-folder.ts';
import type { Machines } from './machines.ts';

/** Phases of bringing a cluster up, over SSH on machines of the tests, without a Swarm that they would ask. */
export interface PhaseRunner {
  run(wanted: Inventory, phases: readonly Phase[]): Promise<UpOutcome>;
  close(): Promise<void>;
}

export function openPhaseRunner(machines: Machines): PhaseRunner {
  const folder = mkdtempSync(join(tmpdir(), 'brs-'));
  const env = { PATH: process.env.PATH, HOME: folder };
  const options = { socketFolder: folder, sudoPassword: async () => '', env };
  const remotes = new Map(
    machines.all.map(({ name }, index) => [name, new SshRemote(machines.target(index), options)]),
  );
  const { signal } = new AbortController();
  return {
    run: (wanted, phases) =>
      runPhases({
        ...{ wanted, phases, remotes, signal },
        reach: (remote, { signal }) => remote.connect({ signal }),
        readFacts: (remote, signal) => readFacts(remote, { clock: systemClock, signal }),
        readSwarm: async () => undefined,
        clock: systemClock,
        observe: () => {},
        mode: 'act',
        width: 8,
      }),
    async close() {
      await Promise.all([...remotes.values()].map((remote) => remote.close()));
      removeFolder(folder);
    },
  };
}
