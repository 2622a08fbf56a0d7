import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { Duplex, Readable, Writable } from 'node:stream';

/**
 * A process as a stream. It ends when the process has ended well; where that failed it is destroyed with what `toError` makes of
 * its status, so that half of an output is never taken for all of it. Once it is closed the process is ended.
 */
export function streamOf(
  child: ChildProcessByStdio<Writable, Readable, Readable>,
  toError: (status: number | null) => Error,
): Duplex {
  const ended = once(child, 'close');
  ended.catch(() => {}); // awaited below, if anybody still reads then
  const readable = Readable.from(outputOf(child.stdout, ended, toError), { objectMode: false });
  const stream = Duplex.from({ writable: inputOf(child.stdin), readable });
  stream.once('close', () => child.kill());
  // Who destroys it has had enough, and who reads it listens for himself.
  for (const one of [readable, stream]) one.on('error', () => {});
  return stream;
}

async function* outputOf(
  stdout: Readable,
  ended: Promise<readonly unknown[]>,
  toError: (status: number | null) => Error,
): AsyncGenerator<Buffer> {
  yield* stdout;
  const [status] = await ended;
  if (status !== 0) throw toError(typeof status === 'number' ? status : null);
}

/** A process that is gone reads nothing more; why, its status tells. */
function inputOf(stdin: Writable): Writable {
  return new Writable({
    write: (chunk, encoding, done) => void stdin.write(chunk, encoding, () => done()),
    final: (done) => void stdin.end(() => done()),
  });
}
