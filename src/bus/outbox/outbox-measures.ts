import type { Metrics } from '../../support/metrics.ts';

export type OutboxMeasures = ReturnType<typeof createOutboxMeasures>;

/** What is counted of events on their way out. Call once per registry. */
export function createOutboxMeasures(metrics: Metrics) {
  return {
    entries: metrics.gauge(
      'bramble_outbox_entries',
      'Events of this node whose handling is not confirmed yet',
    ),
    published: metrics.counter(
      'bramble_outbox_published_total',
      'Events published from the outbox, repeats included',
    ),
    republished: metrics.counter(
      'bramble_outbox_republished_total',
      'Events published again because no receipt came in time',
    ),
    receipts: metrics.counter('bramble_outbox_receipts_total', 'Events whose handling was confirmed'),
    dropped: metrics.counter(
      'bramble_outbox_dropped_total',
      'Unconfirmed events given up because the outbox was over its bound: these may be lost',
    ),
  };
}
