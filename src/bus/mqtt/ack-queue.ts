/**
 * Acknowledgements of one connection. Whatever the order in which the work on messages ends, each PUBACK is sent after
 * those of the messages that came before (MQTT 5, section 4.6); those that fall due together leave in one write.
 */
export class AckQueue {
  readonly #waiting: { readonly messageId: number; isDone: boolean }[] = [];
  readonly #write: (bytes: Uint8Array) => void;
  #isFlushDue = false;

  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  /** Takes a place in the order. The function returned says that the work is done; not called, it holds up the rest. */
  add(messageId: number): () => void {
    const entry = { messageId, isDone: false };
    this.#waiting.push(entry);
    return () => {
      entry.isDone = true;
      if (this.#isFlushDue) return;
      this.#isFlushDue = true;
      queueMicrotask(() => this.#flush());
    };
  }

  #flush(): void {
    this.#isFlushDue = false;
    const pending = this.#waiting.findIndex(({ isDone }) => !isDone);
    const due = this.#waiting.splice(0, pending === -1 ? this.#waiting.length : pending);
    if (due.length > 0) this.#write(Buffer.concat(due.map(({ messageId }) => puback(messageId))));
  }
}

/** Success without properties has these four bytes in MQTT 3.1.1 and 5 (section 3.4.2.1: the reason code is left out). */
function puback(messageId: number): Uint8Array {
  return Uint8Array.of(0x40, 2, messageId >> 8, messageId & 0xff);
}
