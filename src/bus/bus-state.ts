import type { BusState } from './bus.ts';

/** Online or offline, and who wants to know. */
export class StateCell {
  #state: BusState = 'offline';
  readonly #listeners = new Set<(state: BusState) => void>();

  get value(): BusState {
    return this.#state;
  }

  set(state: BusState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }

  /** Called with each change, and once now. Returns the function that ends it. */
  listen(listener: (state: BusState) => void): () => void {
    const own = (state: BusState) => listener(state);
    this.#listeners.add(own);
    own(this.#state);
    return () => this.#listeners.delete(own);
  }
}
