#!/usr/bin/env -S node --max-semi-space-size=8
import { homedir } from 'node:os';
import { fileURLToPath } from 'node:url';
import pkg from '../package.json' with { type: 'json' };
import { runCli } from './cli/run.ts';
import { onTermination } from './lifecycle/signals.ts';
import { BrambleError, systemCode } from './support/errors.ts';

const { env, stdin, stdout, stderr } = process;
const interruption = new AbortController();

/** Most client commands hold nothing that must be put back, so that they may end wherever they are. */
const interrupted = new Promise<number>((resolve) => {
  interruption.signal.addEventListener('abort', () => {
    if (!isExitHeld) resolve(exitWhenInterrupted);
  });
});
let exitWhenInterrupted = 0;
let isExitHeld = false;
function interrupt(exit: number, reason: string): void {
  exitWhenInterrupted = exit;
  interruption.abort(new BrambleError('CANCELLED', reason));
}

/** The shell's exit status of a program that a signal ended is 128 and the signal's number. */
const stopListening = onTermination((name) => interrupt(name === 'SIGINT' ? 130 : 143, `${name} arrived`));
let hasAgent = false;
for (const output of [stdout, stderr]) {
  output.on('error', (err) => {
    if (systemCode(err) !== 'EPIPE') throw err;
    if (!hasAgent) interrupt(0, 'nobody reads the output any more'); // `bramble events | head` has all it wanted
  });
}

const running = runCli(process.argv.slice(2), {
  env,
  home: homedir(),
  version: pkg.version,
  functionsDir: fileURLToPath(new URL('../functions', import.meta.url)), // the same from src/ and from dist/
  stdin,
  stdout,
  stderr,
  signal: interruption.signal,
  holdExit() {
    isExitHeld = true;
  },
  async runAgent(flags) {
    hasAgent = true;
    stopListening(); // an agent has its own way to stop
    const { runAgent } = await import('./main.ts');
    return runAgent({ ...flags, env, stdout, stderr, stdin });
  },
});
const exit = await Promise.race([running, interrupted]);
// Not at once: where pipes are written asynchronously the last lines would be lost.
stdout.write('', () => process.exit(isExitHeld && interruption.signal.aborted ? exitWhenInterrupted : exit));
