import { BrambleError } from '../support/errors.ts';

/** People look at tails, and few at a time; each holds a connection and a buffer. */
const maxStreams = 32;

/** Answers without an end of their own (event and log tails): they would hold up a stop for ever. */
export class OpenStreams {
  readonly #endings = new Set<(reason: string) => void>();

  /** Throws BUSY when no more may be opened. */
  checkRoom(): void {
    if (this.#endings.size >= maxStreams)
      throw new BrambleError('BUSY', `${maxStreams} tails of events and logs are open already; close one`);
  }

  /** Returns the function that takes it out again. */
  add(end: (reason: string) => void): () => void {
    this.#endings.add(end);
    return () => this.#endings.delete(end);
  }

  endAll(reason: string): void {
    for (const end of [...this.#endings]) end(reason);
    this.#endings.clear();
  }
}
