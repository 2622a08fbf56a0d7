import type { Bus } from '../bus/bus.ts';
import { topics } from '../events/topics.ts';
import type { Clock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { Log } from '../support/log.ts';

/** So long ids are gathered before one message carries them. */
const gatherMs = 5;
/** A uuid takes some 40 bytes: a receipt stays under 20 KiB. */
const idsPerReceipt = 500;

/**
 * Tells nodes which of their events were accepted, many ids in one message. A receipt may get lost: the node then
 * publishes the event again, and it is confirmed again as a duplicate.
 */
export class Receipts {
  readonly #options: { readonly bus: Pick<Bus, 'publish'>; readonly clock: Clock; readonly log: Log };
  readonly #idsByNode = new Map<string, string[]>();
  #cancel: (() => void) | undefined;

  constructor(options: { readonly bus: Pick<Bus, 'publish'>; readonly clock: Clock; readonly log: Log }) {
    this.#options = options;
  }

  add(node: string, eventId: string): void {
    const ids = this.#idsByNode.get(node) ?? [];
    this.#idsByNode.set(node, ids);
    ids.push(eventId);
    this.#cancel ??= this.#options.clock.after(gatherMs, () => void this.flush());
  }

  /** Sends what was gathered. Never rejects. */
  async flush(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    const sending = [...this.#idsByNode].flatMap(([node, ids]) =>
      chunks(ids).map((part) => ({ node, part })),
    );
    this.#idsByNode.clear();
    await Promise.all(sending.map(({ node, part }) => this.#send(node, part)));
  }

  async #send(node: string, ids: readonly string[]): Promise<void> {
    const { bus, log } = this.#options;
    try {
      const payload = JSON.stringify({ ids });
      await bus.publish({ topic: topics.receipts(node), payload, qos: 0, contentType: 'application/json' });
    } catch (err) {
      log.debug(
        { node, count: ids.length, err: messageOf(err) },
        'receipt not sent; the events will come again',
      );
    }
  }
}

function chunks(ids: readonly string[]): string[][] {
  const parts: string[][] = [];
  for (let i = 0; i < ids.length; i += idsPerReceipt) parts.push(ids.slice(i, i + idsPerReceipt));
  return parts;
}
