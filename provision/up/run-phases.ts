import type { Clock } from '../../src/support/clock.ts';
import { BrambleError, toBrambleError } from '../../src/support/errors.ts';
import type { Inventory } from '../inventory.ts';
import type { Remote } from '../remote/remote.ts';
import type { NodeFacts } from './facts.ts';
import { mapBounded } from './map-bounded.ts';
import type { Cluster, Phase, Step, SwarmFacts } from './phase.ts';

export interface RunPhasesOptions {
  readonly wanted: Inventory;
  readonly phases: readonly Phase[];
  readonly remotes: ReadonlyMap<string, Remote>;
  readonly readFacts: (remote: Remote, signal: AbortSignal) => Promise<NodeFacts>;
  readonly readSwarm: (
    facts: ReadonlyMap<string, NodeFacts>,
    remotes: ReadonlyMap<string, Remote>,
    signal: AbortSignal,
  ) => Promise<SwarmFacts | undefined>;
  readonly clock: Clock;
  readonly observer: UpObserver;
  readonly signal: AbortSignal;
  /** Plans and does nothing. */
  readonly mode: 'act' | 'plan';
  /** Nodes that are worked on at the same time. */
  readonly width?: number;
}

/** Gets to know how it goes, as it goes. */
export interface UpObserver {
  phaseStarted(phase: Phase): void;
  /** `reached`, or a step's title. */
  stepStarted(phase: string, step: Pick<Step, 'node' | 'title'>): void;
  stepSaid(step: Pick<Step, 'node' | 'title'>, line: string): void;
  stepEnded(phase: string, step: Pick<Step, 'node' | 'title'>, tookMs: number): void;
  nodeFailed(phase: string, node: string, err: BrambleError): void;
  phaseEnded(phase: Phase, steps: number, tookMs: number): void;
}

export interface UpOutcome {
  /** Steps done, or planned. */
  readonly steps: readonly { readonly phase: string; readonly node: string; readonly title: string }[];
  /** By node, the first thing that went wrong. */
  readonly failures: ReadonlyMap<string, { readonly phase: string; readonly error: BrambleError }>;
  /** As last read. */
  readonly cluster: Cluster;
  readonly tookMs: ReadonlyMap<string, number>;
}

const defaultWidth = 8;

/**
 * Goes through the phases in their order; in each first all is planned, then done, nodes side by side. A node that fails is left
 * out of what follows, and the others go on. Facts are read again after each phase that did something. Rejects only when the
 * signal is aborted, or when a phase finds the whole cluster impossible.
 */
export async function runPhases(options: RunPhasesOptions): Promise<UpOutcome> {
  return new Run(options).run();
}

class Run {
  readonly #options: RunPhasesOptions;
  readonly #facts = new Map<string, NodeFacts>();
  #swarm: SwarmFacts | undefined;
  readonly #failures = new Map<string, { phase: string; error: BrambleError }>();
  readonly #steps: { phase: string; node: string; title: string }[] = [];
  readonly #tookMs = new Map<string, number>();

  constructor(options: RunPhasesOptions) {
    this.#options = options;
  }

  async run(): Promise<UpOutcome> {
    await this.#timed('reach', () => this.#read('reach', [...this.#options.remotes.keys()]));
    for (const phase of this.#options.phases) await this.#timed(phase.name, () => this.#go(phase));
    return {
      steps: this.#steps,
      failures: this.#failures,
      cluster: this.#cluster(),
      tookMs: this.#tookMs,
    };
  }

  async #go(phase: Phase): Promise<void> {
    const { clock, mode, observer, signal } = this.#options;
    signal.throwIfAborted();
    const startedMs = clock.monotonicMs();
    observer.phaseStarted(phase);
    for (const { node, error } of phase.refuse?.(this.#cluster()) ?? []) this.#fail(phase.name, node, error);
    const steps = phase.plan(this.#cluster());
    for (const { node, title } of steps) this.#steps.push({ phase: phase.name, node, title });
    if (mode === 'act' && steps.length > 0) {
      await this.#act(phase.name, steps);
      await this.#read(
        phase.name,
        [...new Set(steps.map(({ node }) => node))].filter((node) => this.#isWell(node)),
      );
    }
    observer.phaseEnded(phase, steps.length, clock.monotonicMs() - startedMs);
  }

  /** Steps of one node, and those of one group, go one after the other; the lines go side by side. */
  async #act(phase: string, steps: readonly Step[]): Promise<void> {
    const lines = groupBy(steps, ({ node, group }) => group ?? `node ${node}`);
    await mapBounded([...lines.values()], this.#options.width ?? defaultWidth, async (line) => {
      for (const step of line) if (this.#isWell(step.node)) await this.#do(phase, step);
    });
  }

  async #do(phase: string, step: Step): Promise<void> {
    const { clock, observer, signal } = this.#options;
    signal.throwIfAborted();
    const startedMs = clock.monotonicMs();
    observer.stepStarted(phase, step);
    try {
      await step.act({
        remote: this.#remoteOf(step.node),
        remoteOf: (node) => this.#remoteOf(node),
        clock,
        signal,
        say: (line) => observer.stepSaid(step, line),
      });
      observer.stepEnded(phase, step, clock.monotonicMs() - startedMs);
    } catch (err) {
      this.#fail(phase, step.node, err);
    }
  }

  async #read(phase: string, nodes: readonly string[]): Promise<void> {
    const { remotes, readFacts, readSwarm, signal } = this.#options;
    await mapBounded(nodes, this.#options.width ?? defaultWidth, async (node) => {
      try {
        const remote = this.#remoteOf(node);
        await remote.connect({ signal });
        this.#facts.set(node, await readFacts(remote, signal));
      } catch (err) {
        this.#fail(phase, node, err);
      }
    });
    signal.throwIfAborted();
    this.#swarm = await readSwarm(this.#facts, remotes, signal);
  }

  #fail(phase: string, node: string, err: unknown): void {
    this.#options.signal.throwIfAborted();
    const error = toBrambleError(err);
    this.#failures.set(node, { phase, error });
    this.#facts.delete(node);
    this.#options.observer.nodeFailed(phase, node, error);
  }

  async #timed(phase: string, work: () => Promise<void>): Promise<void> {
    const startedMs = this.#options.clock.monotonicMs();
    await work();
    this.#tookMs.set(phase, this.#options.clock.monotonicMs() - startedMs);
  }

  #isWell(node: string): boolean {
    return !this.#failures.has(node);
  }

  #cluster(): Cluster {
    return { wanted: this.#options.wanted, facts: this.#facts, swarm: this.#swarm };
  }

  #remoteOf(node: string): Remote {
    const remote = this.#options.remotes.get(node);
    if (remote === undefined) throw new BrambleError('NOT_FOUND', `${node} is not in the inventory`);
    return remote;
  }
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
