import type { CatalogueEntry } from '../functions/catalogue.ts';
import type { Acceptance, Store } from '../store/store.ts';
import type { Endings } from './endings.ts';

const pageSize = 256;

export interface UntilHandledOptions {
  readonly store: Pick<Store, 'waiting'>;
  readonly endings: Pick<Endings, 'wait'>;
}

/** An event that was accepted, for whom, and how that went. */
export interface AcceptedEvent {
  readonly eventId: string;
  readonly wanting: readonly CatalogueEntry[];
  readonly acceptance: Acceptance;
}

/**
 * The setting `bramble.acknowledge: handled`: an event stays with the broker until every function that asks for it so
 * is done with it, or has it among its dead letters.
 */
export class UntilHandled {
  readonly #options: UntilHandledOptions;

  constructor(options: UntilHandledOptions) {
    this.#options = options;
  }

  /** Resolves at once where no function asks for it. Rejects with the signal's reason when it is aborted first. */
  async wait(event: AcceptedEvent, signal: AbortSignal): Promise<void> {
    await Promise.all(
      event.wanting.map(async ({ name, settings }, i) => {
        if (settings.delivery.acknowledge !== 'handled') return;
        const id = await this.#deliveryOf(event, { name, i });
        if (id !== undefined) await this.#options.endings.wait(name, id, signal);
      }),
    );
  }

  /** The broker repeats what was not acknowledged when a connection broke: then it was accepted already. */
  #deliveryOf(
    { eventId, acceptance }: AcceptedEvent,
    { name, i }: { name: string; i: number },
  ): number | undefined | Promise<number | undefined> {
    if (acceptance.outcome === 'duplicate') return this.#find(name, eventId);
    return acceptance.deliveryIds[i] ?? undefined;
  }

  async #find(functionName: string, eventId: string): Promise<number | undefined> {
    let afterId = 0;
    for (;;) {
      const page = await this.#options.store.waiting(functionName, { afterId, limit: pageSize });
      const found = page.find(({ event }) => event.id === eventId);
      const last = page.at(-1);
      if (found !== undefined || last === undefined) return found?.id;
      afterId = last.id;
    }
  }
}
