import type { Readable, Writable } from 'node:stream';

/** Where text goes: standard output and error, or a buffer in a test. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };
/** Where text comes from. */
export type Input = Readable & { readonly isTTY?: boolean };
export type Environment = Readonly<Record<string, string | undefined>>;

export interface AgentFlags {
  readonly configFile?: string;
  /** Values of flags, as a tree shaped like the configuration. */
  readonly overrides: Record<string, unknown>;
  readonly isDemo: boolean;
}

/** What commands may touch of the world outside. The root gives the real things, tests their own. */
export interface CliContext {
  readonly env: Environment;
  /** The user's home folder. */
  readonly home: string;
  readonly version: string;
  /** Folder of the functions, runtimes, templates and watchdogs that ship. */
  readonly functionsDir: string;
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborted by Ctrl-C, and when nobody reads our output any more. */
  readonly signal: AbortSignal;
  /** Runs an agent until it is told to stop; resolves to the exit status. */
  runAgent(flags: AgentFlags): Promise<number>;
  /** The exit status of a command that ran as asked and still has bad news. */
  setExit(status: number): void;
  /** For what must be put back: from here on the first interruption only aborts the signal, and the command ends by itself. */
  holdExit(): void;
  /** Done when the command has ended, however it did. */
  atEnd(close: () => Promise<void>): void;
}

export interface JsonOption {
  readonly json?: boolean;
}

/** Writes `value` as JSON with `--json`, else what `render` makes of it for people. */
export function print(
  { stdout }: Pick<CliContext, 'stdout'>,
  options: JsonOption,
  value: unknown,
  render: () => string,
): void {
  stdout.write(options.json ? `${JSON.stringify(value, null, 2)}\n` : render());
}
