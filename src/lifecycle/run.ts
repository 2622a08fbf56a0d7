import type { Clock } from '../support/clock.ts';
import type { Log } from '../support/log.ts';
import type { Service } from './service.ts';

/** Docker kills ten seconds after SIGTERM: one service gets two of them, all together eight. */
const stopEachMs = 2_000;
const stopAllMs = 8_000;

export interface Running {
  /** Stops in reverse order; collects failures instead of halting at the first. Safe to call twice. */
  stop(): Promise<readonly unknown[]>;
}

/** Starts services in order. When one fails, those before it are stopped again and the error is thrown. */
export async function startAll(
  services: readonly Service[],
  { log, clock, signal }: { log: Log; clock: Clock; signal: AbortSignal },
): Promise<Running> {
  const started: Service[] = [];
  let stopping: Promise<readonly unknown[]> | undefined;
  const running: Running = {
    stop: () => {
      stopping ??= stopAll(started.reverse(), { log, clock });
      return stopping;
    },
  };
  try {
    for (const service of services) {
      signal.throwIfAborted();
      await service.start(signal);
      started.push(service);
      log.debug({ service: service.name }, 'service started');
    }
  } catch (err) {
    await running.stop();
    throw err;
  }
  return running;
}

async function stopAll(
  services: readonly Service[],
  { log, clock }: { log: Log; clock: Clock },
): Promise<unknown[]> {
  const failures: unknown[] = [];
  const deadlineMs = clock.monotonicMs() + stopAllMs;
  for (const service of services) {
    const budgetMs = Math.max(0, Math.min(stopEachMs, deadlineMs - clock.monotonicMs()));
    try {
      await withDeadline(service, budgetMs, clock);
      log.debug({ service: service.name }, 'service stopped');
    } catch (err) {
      log.error({ service: service.name, err }, 'service did not stop cleanly');
      failures.push(err);
    }
  }
  return failures;
}

async function withDeadline(service: Service, budgetMs: number, clock: Clock): Promise<void> {
  let cancel = () => {};
  const late = new Promise<never>((_, reject) => {
    cancel = clock.after(budgetMs, () =>
      reject(new Error(`${service.name} did not stop within ${budgetMs} ms`)),
    );
  });
  try {
    await Promise.race([service.stop(), late]);
  } finally {
    cancel();
  }
}
