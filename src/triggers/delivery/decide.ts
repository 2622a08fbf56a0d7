import type { DeliverySettings } from '../../functions/settings.ts';
import { backoffMs } from '../../support/retry.ts';

/** How an attempt to have a delivery handled went. */
export type Outcome =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfter: string | undefined }
  /** The request never reached the function. */
  | { readonly kind: 'unreached'; readonly reason: string }
  | { readonly kind: 'failed'; readonly isRetryable: boolean; readonly reason: string };

export type Decision =
  | { readonly action: 'done'; readonly status: number }
  /** Counts as an attempt; the delivery comes back at `dueMs`. */
  | {
      readonly action: 'retry';
      readonly dueMs: number;
      readonly status: number | null;
      readonly reason: string;
    }
  /** Does not count: the function as a whole cannot be reached, so its queue pauses. */
  | { readonly action: 'wait' }
  | { readonly action: 'dead'; readonly status: number | null; readonly reason: string };

/** No function may put an event off for longer by `Retry-After`. */
const longestRetryAfterMs = 3_600_000;

/**
 * What follows from an outcome. `attempts` includes the one just made; `random` is in [0, 1). Pure: the same input
 * gives the same decision.
 */
export function decide(
  outcome: Outcome,
  { attempts, expiresMs }: { readonly attempts: number; readonly expiresMs: number },
  settings: DeliverySettings,
  { nowMs, random }: { readonly nowMs: number; readonly random: number },
): Decision {
  if (outcome.kind === 'unreached') {
    return nowMs < expiresMs ? { action: 'wait' } : expired(null, outcome.reason);
  }
  if (outcome.kind === 'answered' && outcome.status >= 200 && outcome.status < 300) {
    return { action: 'done', status: outcome.status };
  }
  const status = outcome.kind === 'answered' ? outcome.status : null;
  const reason = outcome.kind === 'answered' ? `status ${outcome.status}` : outcome.reason;
  if (!mayBeRetried(outcome, settings)) return { action: 'dead', status, reason };
  if (attempts >= settings.attempts) {
    return { action: 'dead', status, reason: `${reason} after ${attempts} ${plural('attempt', attempts)}` };
  }
  const waitMs = Math.max(
    backoffMs(attempts, { minMs: settings.minWaitMs, maxMs: settings.maxWaitMs }, random),
    outcome.kind === 'answered' ? retryAfterMs(outcome.retryAfter, nowMs) : 0,
  );
  const dueMs = nowMs + waitMs;
  return dueMs < expiresMs ? { action: 'retry', dueMs, status, reason } : expired(status, reason);
}

/** Retry-After (RFC 9110, section 10.2.3): seconds, or an HTTP date. Nothing usable is no wait. */
export function retryAfterMs(value: string | undefined, nowMs: number): number {
  if (value === undefined) return 0;
  const text = value.trim();
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isNaN(waitMs) ? 0 : Math.min(Math.max(0, waitMs), longestRetryAfterMs);
}

function mayBeRetried(outcome: Exclude<Outcome, { kind: 'unreached' }>, settings: DeliverySettings): boolean {
  return outcome.kind === 'answered' ? settings.retryCodes.includes(outcome.status) : outcome.isRetryable;
}

function expired(status: number | null, reason: string): Decision {
  return {
    action: 'dead',
    status,
    reason: `expired: no time to live is left for another attempt (${reason})`,
  };
}

function plural(noun: string, count: number): string {
  return count === 1 ? noun : `${noun}s`;
}
