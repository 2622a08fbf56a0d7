import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import type { AgentFlags, CliContext } from '../../src/cli/context.ts';
import { runCli } from '../../src/cli/run.ts';
import { root } from './repo.ts';

/** Collects what is written to it. */
export class TextSink extends Writable {
  text = '';
  override _write(chunk: Buffer | string, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

export interface FakeSurroundings {
  readonly env?: Record<string, string>;
  readonly home?: string;
  readonly stdin?: string;
  readonly signal?: AbortSignal;
  readonly agentExit?: number;
}

/** The command line in this process: nothing of the user's environment, home or terminal is seen. */
export function fakeContext({ env = {}, home = '/nonexistent', stdin = '', ...rest }: FakeSurroundings = {}) {
  const agents: AgentFlags[] = [];
  const stdout = new TextSink();
  const stderr = new TextSink();
  const context: Omit<CliContext, 'setExit'> = {
    env,
    home,
    version: '1.2.3',
    functionsDir: join(root, 'functions'),
    stdin: new PassThrough().end(stdin),
    stdout,
    stderr,
    signal: rest.signal ?? new AbortController().signal,
    holdExit: () => {},
    atEnd: () => {},
    runAgent: async (flags) => {
      agents.push(flags);
      return rest.agentExit ?? 0;
    },
  };
  return { context, stdout, stderr, agents };
}

export async function runInProcess(argv: readonly string[], surroundings: FakeSurroundings = {}) {
  const { context, stdout, stderr, agents } = fakeContext(surroundings);
  const exit = await runCli(argv, context);
  return { exit, stdout: stdout.text, stderr: stderr.text, agents };
}
