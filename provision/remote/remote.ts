import type { Duplex, Readable } from 'node:stream';
import { BrambleError } from '../../src/support/errors.ts';

/**
 * One machine that is reached from this one: a single connection, many commands over it. A command is a list of arguments, never
 * a line for a shell: what a value holds cannot become code.
 */
export interface Remote {
  /** The node's name in the inventory. */
  readonly name: string;
  /**
   * Connects, or finds itself connected. Rejects UNREACHABLE (nobody answers in time), HOST_KEY_CHANGED (another key than the pinned
   * one: nothing was sent), UNAUTHORIZED (no key of ours is taken), each with what to do.
   */
  connect(options: { readonly signal: AbortSignal }): Promise<void>;
  /** Runs a command to its end. Rejects REMOTE_FAILED with the last lines it printed when its status is not accepted. */
  run(command: readonly string[], options: RemoteRunOptions): Promise<RemoteResult>;
  /**
   * The standard input and output of a command that runs as long as the stream is open: `docker system dial-stdio`. A command
   * that fails, and a connection that is lost, destroy it with REMOTE_FAILED or UNREACHABLE.
   */
  pipe(command: readonly string[], options: Pick<RemoteRunOptions, 'as' | 'signal'>): Promise<Duplex>;
  /** A port of the other machine's loopback that leads to one of ours, until the connection ends. */
  forwardBack(port: { readonly there: number; readonly here: number }): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface RemoteRunOptions {
  /** `root` goes through sudo, whose password, if it wants one, is asked for once. The login's user unless told. */
  readonly as?: 'root';
  /** Where secrets belong: no list of processes shows it. */
  readonly stdin?: string | Uint8Array | Readable | undefined;
  /** Exit statuses that are answers, not failures; 0 is always one. */
  readonly accept?: readonly number[];
  /** Gets each line of output while the command runs. */
  readonly onLine?: (line: string) => void;
  /** A command is ended after it; a minute unless told. */
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

export interface RemoteResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The one of that name. Throws NOT_FOUND where there is none: it is not in the inventory, or no way to it was opened. */
export function remoteOf(remotes: ReadonlyMap<string, Remote>, name: string): Remote {
  const remote = remotes.get(name);
  if (remote === undefined) throw new BrambleError('NOT_FOUND', `${name} is not in the inventory`);
  return remote;
}
