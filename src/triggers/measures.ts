import type { Metrics } from '../support/metrics.ts';

/** Seconds that an attempt takes: from a warm function's millisecond to the longest time limits. */
const attemptBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export type Measures = ReturnType<typeof createMeasures>;

/** Everything that is counted on the way from an event to its end. Call once per registry. */
export function createMeasures(metrics: Metrics) {
  return {
    events: metrics.counter(
      'bramble_events_total',
      'Messages and calls taken in: stored, duplicate, unwanted (no function asked), looping (over the hop limit)',
      ['outcome'],
    ),
    acceptRetries: metrics.counter(
      'bramble_accept_retries_total',
      'Times that an event waited because the store was full',
    ),
    rejected: metrics.counter(
      'bramble_queue_rejected_total',
      'Deliveries that a full queue made dead letters',
      ['function_name'],
    ),
    deliveries: metrics.counter(
      'bramble_deliveries_total',
      'Ends of attempts: done, retried, dead; abandoned when the function was removed',
      ['function_name', 'outcome'],
    ),
    attemptSeconds: metrics.histogram(
      'bramble_delivery_attempt_seconds',
      'Time that one attempt took, answer included',
      ['function_name'],
      attemptBuckets,
    ),
    waiting: metrics.gauge('bramble_queue_waiting', 'Deliveries on disk that are not ended', [
      'function_name',
    ]),
    inFlight: metrics.gauge('bramble_queue_in_flight', 'Deliveries being handled now', ['function_name']),
    dead: metrics.gauge('bramble_dead_letters', 'Dead letters', ['function_name']),
    callbacks: metrics.counter('bramble_callbacks_total', 'Answers of async calls posted: sent, failed', [
      'outcome',
    ]),
    publications: metrics.counter(
      'bramble_publications_total',
      'Messages that functions asked to be published: sent, failed',
      ['function_name', 'outcome'],
    ),
    ticks: metrics.counter(
      'bramble_schedule_ticks_total',
      'Ticks of schedules: fired, overlapped (the last one was unfinished), missed (left out by policy)',
      ['function_name', 'outcome'],
    ),
  };
}
