import { guard } from '../../support/guard.ts';
import type { Log } from '../../support/log.ts';
import type { Metrics } from '../../support/metrics.ts';
import type { SwarmService } from './docker-objects.ts';
import type { Engine } from './engine.ts';
import { findProblem } from './function-status.ts';
import type { WatchedFunction } from './task-watch.ts';

export interface RolloutReportOptions {
  readonly engine: Pick<Engine, 'tasksOf'>;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Called when an update of a function has come to its end, good or bad. */
  readonly onEnd: () => void;
}

/** Says in the log and in a metric how each update of a function ended, and why when it was undone. */
export class RolloutReport {
  readonly #onEnd: () => void;
  readonly #report: (service: SwarmService) => void;
  #states = new Map<string, string>();

  constructor({ engine, log, metrics, onEnd }: RolloutReportOptions) {
    this.#onEnd = onEnd;
    const count = metrics.counter('bramble_function_updates_total', 'Updates of functions that ended', [
      'function_name',
      'result',
    ]);
    this.#report = guard(log, async function reportRollout(service: SwarmService) {
      const { Name: fn } = service.Spec;
      const result = service.UpdateStatus?.State ?? 'completed';
      count.inc({ function_name: fn, result });
      if (result === 'completed') return log.info({ fn }, 'function was updated');
      const reason = findProblem(service, await engine.tasksOf(service.ID));
      log.warn({ fn, result, reason }, 'update of a function failed');
    });
  }

  update(functions: ReadonlyMap<string, WatchedFunction>): void {
    const before = this.#states;
    this.#states = new Map([...functions].map(([name, { service }]) => [name, stateOf(service)]));
    for (const [name, { service }] of functions) {
      const state = stateOf(service);
      if (isMoving(state) || !isMoving(before.get(name) ?? '')) continue;
      this.#report(service);
      this.#onEnd();
    }
  }
}

function stateOf({ UpdateStatus }: SwarmService): string {
  return UpdateStatus?.State ?? '';
}

function isMoving(state: string): boolean {
  return state === 'updating' || state === 'rollback_started';
}
