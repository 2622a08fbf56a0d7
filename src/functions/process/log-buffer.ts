import type { Clock } from '../../support/clock.ts';
import type { LogLine, LogQuery } from '../runtime.ts';

/** What a line costs beside its text: the object, its time stamp, its place in the array. */
const lineOverheadBytes = 100;

interface Entry {
  readonly line: LogLine;
  readonly writtenMs: number;
  readonly bytes: number;
}

/** The last lines of one function, all replicas together, within a bound of bytes: the oldest make room. */
export class LogBuffer {
  readonly #name: string;
  readonly #maxBytes: number;
  readonly #clock: Clock;
  #entries: Entry[] = [];
  /** Number of entries that were dropped so far: entry `i` of the array is the `#dropped + i`-th ever written. */
  #dropped = 0;
  #bytes = 0;
  #isClosed = false;
  readonly #waiting = new Set<() => void>();

  constructor(name: string, { maxBytes, clock }: { maxBytes: number; clock: Clock }) {
    this.#name = name;
    this.#maxBytes = maxBytes;
    this.#clock = clock;
  }

  append(instance: string, text: string): void {
    const writtenMs = this.#clock.nowMs();
    const timestamp = new Date(writtenMs).toISOString();
    const bytes = Buffer.byteLength(text) + lineOverheadBytes;
    this.#entries.push({ line: { name: this.#name, instance, timestamp, text }, writtenMs, bytes });
    this.#bytes += bytes;
    if (this.#bytes > this.#maxBytes) this.#makeRoom();
    this.#wake();
  }

  /** Ends all followers. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  /** A follower that reads more slowly than the function writes misses the lines dropped meanwhile. */
  async *read({ tail, sinceMs = 0, follow = false, signal }: LogQuery): AsyncGenerator<LogLine> {
    const wanted = this.#entries.filter(({ writtenMs }) => writtenMs >= sinceMs);
    let next = this.#dropped + this.#entries.length;
    for (const { line } of tail === undefined ? wanted : wanted.slice(Math.max(0, wanted.length - tail)))
      yield line;
    while (follow && !signal.aborted) {
      const fresh = this.#entries.slice(Math.max(0, next - this.#dropped));
      next = this.#dropped + this.#entries.length;
      for (const { line } of fresh) yield line;
      if (fresh.length === 0 && this.#isClosed) return;
      if (fresh.length === 0) await this.#change(signal);
    }
  }

  /** Drops a quarter more than needed: an array is shortened at its front at the cost of all that stays. */
  #makeRoom(): void {
    let count = 0;
    while (this.#bytes > this.#maxBytes * 0.75 && count < this.#entries.length) {
      this.#bytes -= this.#entries[count]?.bytes ?? 0;
      count += 1;
    }
    this.#entries = this.#entries.slice(count);
    this.#dropped += count;
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
