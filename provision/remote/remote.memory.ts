import { type Duplex, duplexPair } from 'node:stream';
import { text } from 'node:stream/consumers';
import { BrambleError } from '../../src/support/errors.ts';
import type { Remote, RemoteResult, RemoteRunOptions } from './remote.ts';

/** What is at the other end of a MemoryRemote. */
export interface Machine {
  /** Throws what `Remote.connect` rejects with. */
  connect?(): void;
  /** Runs a command to its end. */
  run(call: MachineCall): Promise<RemoteResult>;
  /** The server's side of `Remote.pipe`. */
  serve(command: readonly string[], stream: Duplex): void;
}

export interface MachineCall {
  readonly command: readonly string[];
  readonly stdin: string;
  readonly isRoot: boolean;
  /** Tells a line before the command has ended. */
  readonly say: ((line: string) => void) | undefined;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** A machine that is in this process, for tests and for showing what would be done. */
export class MemoryRemote implements Remote {
  readonly name: string;
  readonly #machine: Machine;

  constructor(name: string, machine: Machine) {
    this.name = name;
    this.#machine = machine;
  }

  async connect({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
    this.#machine.connect?.();
  }

  async run(command: readonly string[], options: RemoteRunOptions): Promise<RemoteResult> {
    const { as, stdin, onLine, accept, timeoutMs = 60_000, signal } = options;
    await this.connect({ signal });
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const call = { command, stdin: await textOf(stdin), isRoot: as === 'root', say: onLine, signal: limit };
    const { status, stdout, stderr } = await Promise.race([this.#machine.run(call), aborted(limit)]).catch(
      (err: unknown) => {
        if (!limit.aborted || signal.aborted) throw err;
        throw this.#tooLong(command, timeoutMs);
      },
    );
    if (status === 0 || accept?.includes(status)) return { status, stdout, stderr };
    throw new BrambleError(
      'REMOTE_FAILED',
      `${this.name}: ${command.slice(0, 3).join(' ')} ended with status ${status}: ${(stderr || stdout).trim()}`,
    );
  }

  async pipe(
    command: readonly string[],
    { signal }: Pick<RemoteRunOptions, 'as' | 'signal'>,
  ): Promise<Duplex> {
    await this.connect({ signal });
    const [ours, theirs] = duplexPair();
    this.#machine.serve(command, theirs);
    return ours;
  }

  async forwardBack(): Promise<void> {
    await this.connect({ signal: AbortSignal.timeout(1_000) });
  }

  async close(): Promise<void> {}

  #tooLong(command: readonly string[], timeoutMs: number): BrambleError {
    return new BrambleError(
      'REMOTE_FAILED',
      `${this.name}: ${command.slice(0, 3).join(' ')} did not end within ${timeoutMs / 1000} s`,
    );
  }
}

async function textOf(stdin: RemoteRunOptions['stdin'] = ''): Promise<string> {
  if (typeof stdin === 'string') return stdin;
  return stdin instanceof Uint8Array ? Buffer.from(stdin).toString() : text(stdin);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
