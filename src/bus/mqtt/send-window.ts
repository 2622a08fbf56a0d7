import { BrambleError } from '../../support/errors.ts';

/** Lets `size` callers in at a time, in the order they came; one who would be the `maxWaiting`-plus-first is refused. */
export class SendWindow {
  readonly #size: number;
  readonly #maxWaiting: number;
  readonly #waiting: { readonly enter: () => void; readonly fail: (reason: unknown) => void }[] = [];
  #inside = 0;

  constructor(size: number, maxWaiting: number) {
    this.#size = size;
    this.#maxWaiting = maxWaiting;
  }

  /** Resolves when there is room; who entered leaves. Rejects with BUSY, or with what `close` was given. */
  async enter(): Promise<void> {
    if (this.#inside < this.#size) {
      this.#inside += 1;
      return;
    }
    if (this.#waiting.length >= this.#maxWaiting)
      throw new BrambleError(
        'BUSY',
        `${this.#maxWaiting} messages wait to be published; publish more slowly`,
      );
    await new Promise<void>((enter, fail) => this.#waiting.push({ enter, fail }));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#inside -= 1;
    else next.enter();
  }

  close(reason: unknown): void {
    for (const { fail } of this.#waiting.splice(0)) fail(reason);
  }
}
