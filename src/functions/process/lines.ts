import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** A longer line is cut into pieces of this many characters; of-watchdog's default too. */
const longestLine = 65_536;

/** Calls `onLine` with each line of text that the stream brings, the last one even without its line end. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
    for (; rest.length > longestLine; rest = rest.slice(longestLine)) onLine(rest.slice(0, longestLine));
  });
  stream.on('error', () => {}); // the process is gone; `close` follows
  stream.once('close', () => {
    rest += decoder.end();
    if (rest !== '') onLine(rest);
  });
}
