import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Clock } from '../../support/clock.ts';
import { BrambleError, messageOf, systemCode } from '../../support/errors.ts';
import type { Guardian } from './guardian.ts';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Launch {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdio: StdioOptions;
}

/** A process with all that it starts: one group, ended as one. */
export interface ProcessGroup {
  /** Id of the process and of its group. */
  readonly id: number;
  readonly child: ChildProcess;
  /** Resolves when the process has ended; the rest of the group is killed then. */
  readonly exited: Promise<Exit>;
  /** Resolves after `exited`, when all output has been read too. */
  readonly closed: Promise<Exit>;
  /** SIGTERM, and SIGKILL after `graceMs`. Resolves when it has exited; safe to call again. */
  end(graceMs: number): Promise<void>;
}

/** Rejects FUNCTION_FAILED when the command cannot be started. */
export async function launch(
  { command, cwd, env, stdio }: Launch,
  { guardian, clock }: { guardian: Guardian; clock: Clock },
): Promise<ProcessGroup> {
  const [program = '', ...args] = command;
  const child = await start(() => spawn(program, args, { cwd, env, stdio, detached: true }), {
    program,
    cwd,
  });
  const { pid: id } = child;
  guardian.watch(id);
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      killGroup(id, 'SIGKILL');
      guardian.release(id);
      resolve({ code, signal });
    });
  });
  const closed = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  return {
    id,
    child,
    exited,
    closed,
    async end(graceMs) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      killGroup(id, 'SIGTERM');
      const cancel = clock.after(graceMs, () => killGroup(id, 'SIGKILL'));
      await exited;
      cancel();
    },
  };
}

/** How a process ended, in words: `exit status 1`, `signal: SIGSEGV`; as the OpenFaaS watchdog says it. */
export function describeExit({ code, signal }: Exit): string {
  return signal === null ? `exit status ${code}` : `signal: ${signal}`;
}

async function start(
  run: () => ChildProcess,
  { program, cwd }: { program: string; cwd: string },
): Promise<ChildProcess & { readonly pid: number }> {
  try {
    const child = run();
    const { pid } = child;
    if (pid !== undefined) {
      child.on('error', () => {}); // a signal that came too late; `exit` tells what matters
      return Object.assign(child, { pid });
    }
    const [err] = await once(child, 'error');
    throw err;
  } catch (err) {
    const why = systemCode(err) === 'ENOENT' ? 'command or folder not found' : messageOf(err);
    throw new BrambleError('FUNCTION_FAILED', `cannot start "${program}" in ${cwd}: ${why}`, { cause: err });
  }
}

function killGroup(id: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-id, signal);
  } catch (err) {
    // Nobody left in it: what we wanted. Not permitted: who is left has become another user, as by sudo, and stays.
    if (!['ESRCH', 'EPERM'].includes(systemCode(err) ?? '')) throw err;
  }
}
