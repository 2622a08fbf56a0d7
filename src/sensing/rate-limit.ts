/** At most `limit` permissions in any stretch of `windowMs`. */
export class RateLimit {
  readonly #limit: number;
  readonly #windowMs: number;
  /** Times of the last permissions, oldest first; never more than `limit`. */
  #grantedMs: number[] = [];

  constructor(limit: number, windowMs: number) {
    this.#limit = limit;
    this.#windowMs = windowMs;
  }

  /** 0 grants one permission; anything else is the time to wait before asking again. */
  take(nowMs: number): number {
    this.#grantedMs = this.#grantedMs.filter((atMs) => nowMs - atMs < this.#windowMs);
    const [oldest] = this.#grantedMs;
    if (oldest !== undefined && this.#grantedMs.length >= this.#limit) return oldest + this.#windowMs - nowMs;
    this.#grantedMs.push(nowMs);
    return 0;
  }
}
