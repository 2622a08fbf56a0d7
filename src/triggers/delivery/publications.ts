import type { Bus } from '../../bus/bus.ts';
import { type Publication, readPublications } from '../../functions/publications.ts';
import type { FunctionSettings } from '../../functions/settings.ts';
import type { Delivery } from '../../store/store.ts';
import type { Clock } from '../../support/clock.ts';
import { messageOf } from '../../support/errors.ts';
import type { Log } from '../../support/log.ts';
import { retry } from '../../support/retry.ts';
import type { Measures } from '../measures.ts';

/** A broker that is away for longer than these some ten seconds does not hold up the function's queue. */
const offlineRetry = { minMs: 250, maxMs: 5_000, attempts: 7 };

export interface PublicationsOptions {
  readonly bus: Pick<Bus, 'publish'>;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Log;
  readonly measures: Measures;
}

/** Publishes what an answer asks for, as far as the function may; what fails is logged and counted. */
export class Publications {
  readonly #options: PublicationsOptions;

  constructor(options: PublicationsOptions) {
    this.#options = options;
  }

  /** Never rejects, but when interrupted. */
  async publish(
    result: unknown,
    delivery: Delivery,
    { delivery: { publish: allowed } }: FunctionSettings,
    signal: AbortSignal,
  ): Promise<void> {
    const { log, measures, clock } = this.#options;
    const labels = { function_name: delivery.function };
    try {
      for (const publication of readPublications(result, allowed)) {
        await retry(() => this.#send(publication, delivery), { ...offlineRetry, clock, signal });
        measures.publications.inc({ ...labels, outcome: 'sent' });
      }
    } catch (err) {
      signal.throwIfAborted();
      measures.publications.inc({ ...labels, outcome: 'failed' });
      log.warn(
        { fn: delivery.function, err: messageOf(err) },
        'the answer asks for something that is not published',
      );
    }
  }

  #send({ topic, payload, retain }: Publication, { event }: Delivery): Promise<void> {
    const { bus, clock, newId } = this.#options;
    // As with results, the count of hops ends a circle of functions that publish for each other.
    const properties = {
      specversion: '1.0',
      id: newId(),
      source: `/${topic}`,
      type: 'function.published',
      time: new Date(clock.nowMs()).toISOString(),
      hops: String(event.hops + 1),
    };
    return bus.publish({ topic, payload, retain, properties });
  }
}
