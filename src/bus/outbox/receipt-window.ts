/** Ids that were sent and whose receipts are awaited: a bounded number at once, oldest first. */
export class ReceiptWindow {
  readonly #size: number;
  readonly #sentMs = new Map<string, number>();
  #resume: () => void = () => {};

  constructor(size: number) {
    this.#size = size;
  }

  get hasRoom(): boolean {
    return this.#sentMs.size < this.#size;
  }

  has(id: string): boolean {
    return this.#sentMs.has(id);
  }

  add(id: string, nowMs: number): void {
    this.#sentMs.set(id, nowMs);
  }

  remove(id: string): void {
    if (this.#sentMs.delete(id)) this.#resume();
  }

  /** Takes away what was sent at `sentMs` or before; tells whether something was. */
  removeSentBy(sentMs: number): boolean {
    const overdue = [...this.#sentMs].filter(([, oneMs]) => oneMs <= sentMs);
    for (const [id] of overdue) this.remove(id);
    return overdue.length > 0;
  }

  clear(): void {
    this.#sentMs.clear();
    this.#resume();
  }

  /** Resolves when there is room; for one caller at a time. `clear` ends the wait too. */
  async room(): Promise<void> {
    while (!this.hasRoom) {
      await new Promise<void>((resolve) => {
        this.#resume = resolve;
      });
    }
  }
}
