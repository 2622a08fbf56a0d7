import type { Bus, Incoming } from '../bus/bus.ts';
import { filters, nodeOf } from '../events/topics.ts';
import type { Service } from '../lifecycle/service.ts';
import type { Clock } from '../support/clock.ts';
import type { Log } from '../support/log.ts';
import type { Metrics } from '../support/metrics.ts';
import { decodeDemand, type FunctionDemand, type NodeDemand } from './demand.ts';

/** A node with demand speaks each second; what it said is no longer true after so long. */
const staleMs = 5_000;
/** After so long its calls are not counted any more either. */
const forgetMs = 24 * 3_600_000;
/** More names than this on the demand topics is a fault, not a bramble. */
const maxNodes = 256;

/** What all nodes together ask of one function. */
export interface Demand {
  readonly inFlight: number;
  readonly waiting: number;
  readonly callsPerSecond: number;
  /** Nodes with deliveries that wait. */
  readonly queues: number;
}

export const noDemand: Demand = { inFlight: 0, waiting: 0, callsPerSecond: 0, queues: 0 };

interface Heard {
  readonly functions: NodeDemand['functions'];
  readonly callsPerSecond: ReadonlyMap<string, number>;
  /** By our monotonic clock: the clocks of Pis differ after a power cut. */
  readonly atMs: number;
}

export interface DemandBoardOptions {
  readonly bus: Pick<Bus, 'subscribe'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Every node's demand, merged; what a node said counts for five seconds. */
export class DemandBoard implements Service {
  readonly name = 'demand board';
  readonly #options: DemandBoardOptions;
  readonly #heard = new Map<string, Heard>();
  readonly #ignored;
  #release: () => Promise<void> = async () => {};

  constructor(options: DemandBoardOptions) {
    this.#options = options;
    this.#ignored = options.metrics.counter(
      'bramble_demand_messages_ignored_total',
      'Messages on demand topics that were not a demand',
    );
  }

  async start(): Promise<void> {
    this.#release = await this.#options.bus.subscribe(filters.everyDemand, (message) => this.#hear(message));
  }

  async stop(): Promise<void> {
    await this.#release();
  }

  of(functionName: string): Demand {
    const nowMs = this.#options.clock.monotonicMs();
    let sum = noDemand;
    for (const { functions, callsPerSecond, atMs } of this.#heard.values()) {
      const demand = functions[functionName];
      if (demand === undefined || nowMs - atMs >= staleMs) continue;
      sum = {
        inFlight: sum.inFlight + demand.inFlight,
        waiting: sum.waiting + demand.waiting,
        callsPerSecond: sum.callsPerSecond + (callsPerSecond.get(functionName) ?? 0),
        queues: sum.queues + (demand.waiting > 0 ? 1 : 0),
      };
    }
    return sum;
  }

  /** Calls of each function on all nodes, since their agents started. */
  calls(): ReadonlyMap<string, number> {
    const sums = new Map<string, number>();
    for (const { functions } of this.#heard.values())
      for (const [name, { requests }] of Object.entries(functions))
        sums.set(name, (sums.get(name) ?? 0) + requests);
    return sums;
  }

  #hear({ topic, payload }: Incoming): void {
    const node = nodeOf(topic);
    const demand = decodeDemand(payload);
    this.#forgetSilent();
    const before = this.#heard.get(node);
    const hasRoom = before !== undefined || this.#heard.size < maxNodes;
    if (demand?.node !== node || !hasRoom) {
      this.#ignored.inc();
      this.#options.log.debug({ topic }, 'demand message ignored');
      return;
    }
    const atMs = this.#options.clock.monotonicMs();
    const callsPerSecond = new Map(
      Object.entries(demand.functions).map(([name, now]) => [
        name,
        before === undefined ? 0 : rateBetween(before.functions[name], now, atMs - before.atMs),
      ]),
    );
    this.#heard.set(node, { functions: demand.functions, callsPerSecond, atMs });
  }

  #forgetSilent(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [node, { atMs }] of this.#heard) if (nowMs - atMs >= forgetMs) this.#heard.delete(node);
  }
}

/** A node that speaks again after a silence, or in a burst, is taken to have counted for a second at least. */
function rateBetween(before: FunctionDemand | undefined, now: FunctionDemand, elapsedMs: number): number {
  const already = before?.requests ?? 0;
  const begun = now.requests >= already ? now.requests - already : now.requests; // its agent was restarted
  return begun / Math.max(1, elapsedMs / 1_000);
}
