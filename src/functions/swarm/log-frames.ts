import { BrambleError } from '../../support/errors.ts';
import type { LogLine } from '../runtime.ts';

/** Docker cuts a line of a container after 16 KiB; with its details one frame is never near this. */
const maxFrameBytes = 1_048_576;
const headerBytes = 8;
/** Standard output and error; other kinds are words of Docker about the log itself. */
const outputKinds: readonly number[] = [1, 2];

/**
 * Docker's multiplexed stream, frame by frame: one byte that says which output, three that are zero, four for the length
 * (big-endian), then as many bytes. https://docs.docker.com/reference/api/engine/ "Stream format"
 */
export async function* readFrames(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= headerBytes) {
      const end = headerBytes + rest.readUInt32BE(4);
      if (end > maxFrameBytes)
        throw new BrambleError('UNREACHABLE', 'Docker sent a log that is not multiplexed as it should be');
      if (rest.length < end) break;
      if (outputKinds.includes(rest.readUInt8(0))) yield rest.toString('utf8', headerBytes, end);
      rest = rest.subarray(end);
    }
  }
}

/** `<time> <details> <text>`, details being `key=value` with commas between; `undefined` for anything else. */
export function parseLogLine(name: string, frame: string): LogLine | undefined {
  const [, timestamp = '', details = '', text = ''] = /^(\S+) (\S*) ?(.*)$/s.exec(frame) ?? [];
  const instance = /(?:^|,)com\.docker\.swarm\.task\.id=([^,]+)/.exec(details)?.[1];
  if (instance === undefined) return undefined;
  return { name, instance, timestamp, text: text.replace(/\r?\n$/, '') };
}
