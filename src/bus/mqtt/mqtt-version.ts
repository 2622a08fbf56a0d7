/** Protocol level as CONNECT carries it: 4 is MQTT 3.1.1. */
export type ProtocolLevel = 4 | 5;

/**
 * Which MQTT version to try next. `auto` is 5 until a broker refuses it by name, then 3.1.1 for good. Some old brokers
 * hang up on an unknown version without a word, so while 5 has never worked both are tried in turn.
 */
export class VersionChoice {
  readonly #wanted: 'auto' | '5' | '3.1.1';
  #hasWorkedWith5 = false;
  #isRefused = false;
  #isLowerNext = false;

  constructor(wanted: 'auto' | '5' | '3.1.1') {
    this.#wanted = wanted;
  }

  get level(): ProtocolLevel {
    if (this.#wanted !== 'auto') return this.#wanted === '5' ? 5 : 4;
    return this.#isRefused || this.#isLowerNext ? 4 : 5;
  }

  worked(): void {
    this.#hasWorkedWith5 ||= this.level === 5;
    this.#isLowerNext = false;
  }

  /** Answers whether another version is left to try. */
  wasRefused(): boolean {
    const isNews = this.#wanted === 'auto' && this.level === 5;
    this.#isRefused ||= isNews;
    return isNews;
  }

  wasHungUpOn(): void {
    this.#isLowerNext = !this.#hasWorkedWith5 && !this.#isLowerNext;
  }
}
