import type { Envelope } from '../events/event.ts';
import type { Catalogue, CatalogueEntry } from '../functions/catalogue.ts';
import type { Acceptance, DeliveryRequest, Store } from '../store/store.ts';
import type { Clock } from '../support/clock.ts';
import { BrambleError } from '../support/errors.ts';
import { toDelivery } from './fan-out.ts';
import type { Measures } from './measures.ts';

/** The queues, as those see them who put something in. */
export interface Queues {
  /** A function got so many more deliveries on disk; none, or fewer, where its oldest ones made room. */
  added(functionName: string, count: number): void;
  /** Deliveries of a function that are not ended. */
  waiting(functionName: string): number;
}

export interface AsyncCall extends DeliveryRequest {
  readonly body: Uint8Array;
  /** Where the answer is posted; nowhere when `null`. */
  readonly callbackUrl: string | null;
}

export interface AcceptorOptions {
  readonly store: Pick<Store, 'accept'>;
  readonly catalogue: Pick<Catalogue, 'find'>;
  readonly queues: Queues;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly measures: Measures;
  /** An event id seen within this time is a duplicate. */
  readonly dedupeMs: number;
}

/** The one door by which events, ticks and async calls come in: on disk first, then to the queues. */
export class Acceptor {
  readonly #options: AcceptorOptions;

  constructor(options: AcceptorOptions) {
    this.#options = options;
  }

  /**
   * Resolves when event and fan-out are on disk. Rejects STORE_FULL (nothing was stored) and STORE_BROKEN. A function
   * whose queue is full has a dead letter in place of its delivery, or has lost its oldest one to the dead letters.
   */
  async accept(
    event: Envelope,
    wanting: readonly CatalogueEntry[],
    { dedupeMs = this.#options.dedupeMs }: { readonly dedupeMs?: number } = {},
  ): Promise<Acceptance> {
    const nowMs = this.#options.clock.nowMs();
    const deliveries = wanting.map((entry) => toDelivery(entry, event, { nowMs }));
    const acceptance = await this.#options.store.accept(event, deliveries, { nowMs, dedupeMs });
    this.#report(acceptance, wanting);
    return acceptance;
  }

  /**
   * Takes a call that is answered later. Resolves to the id of its event when it is on disk. Rejects
   * FUNCTION_NOT_FOUND, INVALID (callback URL), BUSY (queue full), STORE_FULL.
   */
  async acceptAsync(functionName: string, { body, callbackUrl, ...request }: AsyncCall): Promise<string> {
    const { catalogue, queues, store, clock, newId } = this.#options;
    const entry = catalogue.find(functionName);
    if (entry === undefined) {
      throw new BrambleError('FUNCTION_NOT_FOUND', `no function ${functionName} is deployed`);
    }
    if (callbackUrl !== null) checkCallback(callbackUrl);
    // Known to be too much, it is not stored, or it would fill the dead letters.
    const { queueLimit, queueWhenFull } = entry.settings.delivery;
    if (queueWhenFull === 'reject' && queues.waiting(functionName) >= queueLimit) throw queueFull(entry);

    const nowMs = clock.nowMs();
    // Not the caller's X-Call-Id: chained calls share one, and the second would count as a duplicate.
    const event = asyncEvent(functionName, { id: newId(), nowMs, request, body });
    const delivery = toDelivery(entry, event, { nowMs, call: { request, callbackUrl } });
    const acceptance = await store.accept(event, [delivery], { nowMs, dedupeMs: 0 });
    this.#report(acceptance, [entry]);
    if (acceptance.deliveryIds[0] === null) throw queueFull(entry);
    return event.id;
  }

  #report({ outcome, deliveryIds, dropped }: Acceptance, wanting: readonly CatalogueEntry[]): void {
    const { measures, queues } = this.#options;
    measures.events.inc({ outcome });
    if (outcome === 'duplicate') return;
    for (const [i, { name }] of wanting.entries()) {
      const [isQueued, lost] = [typeof deliveryIds[i] === 'number', dropped[i] ?? 0];
      if (isQueued) queues.added(name, 1 - lost);
      const rejected = isQueued ? lost : 1;
      if (rejected > 0) measures.rejected.inc({ function_name: name }, rejected);
    }
  }
}

function asyncEvent(
  functionName: string,
  facts: { id: string; nowMs: number; request: DeliveryRequest; body: Uint8Array },
): Envelope {
  return {
    id: facts.id,
    source: `/async/${functionName}`,
    type: 'http.async',
    time: new Date(facts.nowMs).toISOString(),
    topic: `async/${functionName}`,
    contentType: facts.request.headers['content-type'] ?? 'application/octet-stream',
    hops: 0,
    data: facts.body,
  };
}

function checkCallback(callbackUrl: string): void {
  const url = URL.canParse(callbackUrl) ? new URL(callbackUrl) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return;
  throw new BrambleError('INVALID', `X-Callback-Url must be an http or https address, not ${callbackUrl}`);
}

function queueFull({ name, settings }: CatalogueEntry): BrambleError {
  const { queueLimit } = settings.delivery;
  return new BrambleError('BUSY', `the queue of ${name} holds its ${queueLimit} calls; try again later`);
}
