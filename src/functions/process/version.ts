import { join } from 'node:path';
import type { FunctionSettings } from '../settings.ts';
import { ForkReplica } from './replica.fork.ts';
import { createCrew, FramedReplica } from './replica.framed.ts';
import { HttpReplica } from './replica.http.ts';
import type { Replica, ReplicaContext } from './replica.ts';
import type { Version } from './replica-set.ts';

/** How long requests without a time limit of their own may go on when their replica is to go. */
const drainUnlimitedMs = 60_000;

/** A version of a function with the kind of replica that its mode asks for. */
export function createVersion(
  { process }: FunctionSettings,
  context: ReplicaContext,
  functionsDir: string,
): Version {
  return { drainMs: process.execTimeoutMs || drainUnlimitedMs, createReplica: replicaMaker() };

  function replicaMaker(): (id: string) => Replica {
    switch (process.mode) {
      case 'fork':
        return (id) => new ForkReplica(id, context);
      case 'http':
        return (id) => new HttpReplica(id, context);
      case 'framed': {
        const crew = createCrew(context, workerCommand(process.lang, functionsDir));
        return (id) => new FramedReplica(id, crew);
      }
      default:
        return process.mode satisfies never;
    }
  }
}

function workerCommand(lang: FunctionSettings['process']['lang'], functionsDir: string): readonly string[] {
  const runtimes = join(functionsDir, 'runtimes');
  // -u: what a handler prints is in the log at once, and not lost when it is killed.
  if (lang === 'python') return ['python3', '-u', join(runtimes, 'python', 'worker.py')];
  return [nodePath, join(runtimes, 'node', 'worker.mjs')];
}

const nodePath = globalThis.process.execPath;
