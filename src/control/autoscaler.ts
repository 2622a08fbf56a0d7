import type { Bus } from '../bus/bus.ts';
import type { FunctionScaled } from '../events/event.ts';
import { filters, functionOf } from '../events/topics.ts';
import type { FunctionSettings } from '../functions/settings.ts';
import type { Service } from '../lifecycle/service.ts';
import type { Clock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import type { Metrics } from '../support/metrics.ts';
import { type Decision, decide, type ScaleMemory } from './autoscale.ts';
import type { Demand } from './demand-board.ts';
import type { Freezing, PlacedTask } from './freezing.ts';

const periodMs = 1_000;
/** What was done shows in the list of functions by then; until then the list is taken to be late. */
const settleMs = 5_000;
/** A replica that its node does not freeze is not tried again for so long. */
const freezeAgainMs = 10 * 60_000;

/** A function as the autoscaler needs to see it. */
export interface ScaledFunction {
  readonly name: string;
  readonly settings: Pick<FunctionSettings, 'scale' | 'delivery'>;
  /** Wanted. */
  readonly replicas: number;
  /** Those that run, frozen or not. */
  readonly tasks: readonly (PlacedTask & { readonly isFrozen: boolean })[];
  /** Does Docker check the health of its tasks? It would end a frozen one. */
  readonly hasHealthCheck: boolean;
}

export interface AutoscalerOptions {
  readonly node: string;
  readonly leader: { isLeader(): boolean };
  readonly bus: Pick<Bus, 'subscribe'>;
  readonly functions: () => readonly ScaledFunction[];
  readonly demandOf: (functionName: string) => Demand;
  readonly scale: (functionName: string, replicas: number) => Promise<void>;
  readonly freezing: Freezing;
  /** Takes the event of each change to the bus. */
  readonly report: (event: FunctionScaled) => Promise<void>;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Log;
  readonly metrics: Metrics;
}

interface Present {
  readonly replicas: number;
  readonly isFrozen: boolean;
}

interface Action {
  readonly before: Present;
  readonly decision: Decision;
  readonly isWoken: boolean;
}

interface Known {
  memory: ScaleMemory | undefined;
  /** What was done last, while the list may not show it yet. */
  done: (Present & { readonly atMs: number }) | undefined;
  isWoken: boolean;
  isActing: boolean;
  neverFreezeBeforeMs: number;
}

/**
 * Decides each second, and at once when somebody waits for a function, how many replicas it is to have. Only the leader
 * does; a new one starts from what it sees and takes nothing away before it has watched for a whole window.
 */
export class Autoscaler implements Service {
  readonly name = 'autoscaler';
  readonly #options: AutoscalerOptions;
  readonly #known = new Map<string, Known>();
  readonly #acting = new Set<Promise<void>>();
  readonly #decisions;
  readonly #failures;
  #release: (() => unknown)[] = [];

  constructor(options: AutoscalerOptions) {
    this.#options = options;
    this.#decisions = options.metrics.counter(
      'bramble_autoscale_decisions_total',
      'Changes of the replicas of a function: load, quiet, idle, wake, limits',
      ['function_name', 'reason'],
    );
    this.#failures = options.metrics.counter(
      'bramble_autoscale_failures_total',
      'Changes of replicas that failed; each is tried again a second later',
      ['function_name'],
    );
  }

  async start(): Promise<void> {
    const { bus, clock } = this.#options;
    this.#release = [
      await bus.subscribe(filters.everyWake, ({ topic }) => this.#wake(functionOf(topic))),
      clock.every(periodMs, () => this.#tick()),
    ];
  }

  async stop(): Promise<void> {
    for (const release of this.#release) await release();
    await Promise.all(this.#acting);
  }

  #tick(): void {
    const functions = this.#options.leader.isLeader() ? this.#options.functions() : [];
    const names = new Set(functions.map(({ name }) => name));
    for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name);
    for (const fn of functions) this.#consider(fn);
  }

  #wake(name: string): void {
    if (!this.#options.leader.isLeader()) return;
    const fn = this.#options.functions().find((one) => one.name === name);
    if (fn === undefined) return;
    this.#knownOf(name).isWoken = true;
    this.#consider(fn);
  }

  #consider(fn: ScaledFunction): void {
    const known = this.#knownOf(fn.name);
    if (known.isActing) return;
    const before = this.#present(fn, known);
    const { isWoken } = known;
    known.isWoken = false;
    const decision = decide({
      settings: fn.settings.scale,
      concurrency: fn.settings.delivery.concurrency,
      demand: this.#options.demandOf(fn.name),
      isWoken,
      freezeObstacle: this.#freezeObstacle(fn, known),
      memory: known.memory,
      nowMs: this.#options.clock.monotonicMs(),
      ...before,
    });
    known.isActing = true;
    const acting = this.#act(fn, known, { before, decision, isWoken }).finally(() => {
      known.isActing = false;
      this.#acting.delete(acting);
    });
    this.#acting.add(acting);
  }

  /** What the function has now: what was done last, until the list shows it or had the time to. */
  #present(fn: ScaledFunction, known: Known): Present {
    const { clock } = this.#options;
    const seen = { replicas: fn.replicas, isFrozen: fn.tasks.some(({ isFrozen }) => isFrozen) };
    const { done } = known;
    if (done === undefined) return seen;
    if (done.replicas === seen.replicas && done.isFrozen === seen.isFrozen) known.done = undefined;
    else if (clock.monotonicMs() - done.atMs < settleMs) return done;
    else {
      known.done = undefined;
      if (done.isFrozen && !seen.isFrozen) {
        known.neverFreezeBeforeMs = clock.monotonicMs() + freezeAgainMs;
        this.#options.log.warn({ fn: fn.name }, 'replicas were not frozen by their nodes, left running');
      }
    }
    return seen;
  }

  #freezeObstacle({ hasHealthCheck }: ScaledFunction, known: Known): string | undefined {
    if (hasHealthCheck) return 'Docker checks its health';
    const isRefused = this.#options.clock.monotonicMs() < known.neverFreezeBeforeMs;
    return isRefused ? 'its nodes did not freeze it' : undefined;
  }

  /** Never rejects: what failed is decided upon again at the next tick. */
  async #act(fn: ScaledFunction, known: Known, { before, decision, isWoken }: Action): Promise<void> {
    const { scale, clock, log } = this.#options;
    const { replicas, isFrozen, reason } = decision;
    try {
      await this.#setFrozen(fn, isFrozen);
      if (replicas !== before.replicas) await scale(fn.name, replicas);
      known.memory = decision.memory;
      if (reason === undefined) return;
      known.done = { replicas, isFrozen, atMs: clock.monotonicMs() };
      this.#decisions.inc({ function_name: fn.name, reason });
      log.info({ fn: fn.name, replicas, isFrozen, reason }, 'function scaled');
      await this.#report(fn.name, before.replicas, decision, reason);
    } catch (err) {
      known.memory = { ...decision.memory, replicas: before.replicas };
      known.isWoken ||= isWoken;
      this.#failures.inc({ function_name: fn.name });
      log.warn({ fn: fn.name, replicas, err: messageOf(err) }, 'function not scaled, trying again');
    }
  }

  /** Says it to each node that does not do so yet, also when a message was lost or a replica was moved. */
  async #setFrozen(fn: ScaledFunction, isFrozen: boolean): Promise<void> {
    const { freezing } = this.#options;
    const others = fn.tasks.filter((task) => task.isFrozen !== isFrozen);
    await Promise.all(others.map((task) => (isFrozen ? freezing.freeze(task) : freezing.thaw(task))));
  }

  async #report(
    name: string,
    replicasBefore: number,
    { replicas, isFrozen, explanation }: Decision,
    reason: FunctionScaled['reason'],
  ): Promise<void> {
    const { report, newId, node, clock, log } = this.#options;
    const event: FunctionScaled = {
      type: 'function.scaled',
      id: newId(),
      node,
      time: new Date(clock.nowMs()).toISOString(),
      function: name,
      replicas,
      replicasBefore,
      frozen: isFrozen,
      reason,
      explanation,
    };
    await report(event).catch((err: unknown) =>
      log.warn({ fn: name, err: messageOf(err) }, 'event of scaling not published'),
    );
  }

  #knownOf(name: string): Known {
    const known = this.#known.get(name) ?? {
      memory: undefined,
      done: undefined,
      isWoken: false,
      isActing: false,
      neverFreezeBeforeMs: 0,
    };
    this.#known.set(name, known);
    return known;
  }
}
