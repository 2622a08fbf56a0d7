import type { Bus } from '../bus/bus.ts';
import { topics } from '../events/topics.ts';
import type { Service } from '../lifecycle/service.ts';
import type { Clock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import { encodeDemand, type FunctionDemand, type NodeDemand } from './demand.ts';

const periodMs = 1_000;
/** An unchanged picture is said twice more: whoever computes rates sees that nothing was added, and one may get lost. */
const repeats = 2;

export interface DemandPublisherOptions {
  readonly node: string;
  readonly bus: Pick<Bus, 'publish' | 'state' | 'onState'>;
  readonly clock: Clock;
  readonly log: Log;
  /** This node's demand now, by function; a function without calls may be left out. */
  readonly read: () => ReadonlyMap<string, FunctionDemand>;
}

/** Says each second what this node asks of its functions, and falls silent when there is nothing new to say. */
export class DemandPublisher implements Service {
  readonly name = 'demand';
  readonly #options: DemandPublisherOptions;
  #lastSaid = '';
  #timesSaid = 0;
  #release: readonly (() => void)[] = [];

  constructor(options: DemandPublisherOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { bus, clock } = this.#options;
    this.#release = [
      clock.every(periodMs, () => void this.#say()),
      bus.onState(() => {
        this.#timesSaid = 0; // nobody knows what the last connection carried
      }),
    ];
  }

  async stop(): Promise<void> {
    for (const release of this.#release) release();
  }

  /** Never rejects: the next second brings the next picture. */
  async #say(): Promise<void> {
    const { node, bus, clock, log, read } = this.#options;
    if (bus.state === 'offline') return;
    const functions = Object.fromEntries([...read()].filter(([, demand]) => isWorthSaying(demand)));
    if (!this.#hasNews(functions)) return;
    const payload = encodeDemand({ node, at: new Date(clock.nowMs()).toISOString(), functions });
    try {
      await bus.publish({ topic: topics.demand(node), payload, qos: 0, contentType: 'application/json' });
    } catch (err) {
      log.debug({ err: messageOf(err) }, 'demand could not be published');
    }
  }

  #hasNews(functions: NodeDemand['functions']): boolean {
    const text = JSON.stringify(functions);
    this.#timesSaid = text === this.#lastSaid ? this.#timesSaid + 1 : 0;
    this.#lastSaid = text;
    const isBusy = Object.values(functions).some(({ inFlight, waiting }) => inFlight + waiting > 0);
    return isBusy || (text !== '{}' && this.#timesSaid <= repeats);
  }
}

function isWorthSaying({ inFlight, waiting, requests }: FunctionDemand): boolean {
  return inFlight + waiting + requests > 0;
}
