import type { Clock } from '../../src/support/clock.ts';
import { type BrambleError, toBrambleError } from '../../src/support/errors.ts';
import { retry } from '../../src/support/retry.ts';
import type { Inventory } from '../inventory.ts';
import { type Remote, remoteOf } from '../remote/remote.ts';
import type { NodeFacts } from './facts.ts';
import { mapBounded } from './map-bounded.ts';
import type { Cluster, Phase, Step, SwarmFacts } from './phase.ts';
import type { StepName, UpEvent } from './up-event.ts';

export interface RunPhasesOptions {
  readonly wanted: Inventory;
  readonly phases: readonly Phase[];
  /** Of all nodes of the inventory. */
  readonly remotes: ReadonlyMap<string, Remote>;
  /** Resolves when commands can be run there; it may wait for a machine that boots. */
  readonly reach: (remote: Remote, options: ReachContext) => Promise<void>;
  readonly readFacts: (remote: Remote, signal: AbortSignal) => Promise<NodeFacts>;
  readonly readSwarm: (
    facts: ReadonlyMap<string, NodeFacts>,
    remotes: ReadonlyMap<string, Remote>,
    signal: AbortSignal,
  ) => Promise<SwarmFacts | undefined>;
  readonly clock: Clock;
  readonly observe: (event: UpEvent) => void;
  /** No step begins after it; those that run are let end. */
  readonly signal: AbortSignal;
  /** Plans and does nothing. */
  readonly mode: 'act' | 'plan';
  /** Only these nodes are changed; others are asked. All, unless told. */
  readonly limit?: ReadonlySet<string> | undefined;
  /** Nodes that are worked on at the same time. */
  readonly width: number;
}

export interface ReachContext {
  readonly say: (line: string) => void;
  /** Called once when the machine does not answer and is waited for, at most so long. */
  readonly awaits: (forMs: number) => void;
  readonly signal: AbortSignal;
}

export interface UpOutcome {
  /** Steps done, or planned. */
  readonly steps: readonly StepName[];
  /** By node, the first thing that went wrong. */
  readonly failures: ReadonlyMap<string, { readonly phase: string; readonly error: BrambleError }>;
  /** As last read. */
  readonly cluster: Cluster;
}

/**
 * Goes through the phases in their order; in each first all is planned, then done, nodes side by side. A node that fails is left
 * out of what follows, and the others go on. Facts are read again after each phase that did something. Rejects only when the
 * signal is aborted, or when the whole cluster is found impossible.
 */
export async function runPhases(options: RunPhasesOptions): Promise<UpOutcome> {
  return new Run(options).run();
}

/** An election takes up to 20 s, and a question that falls into it fails. */
const electionRetries = { attempts: 4, minMs: 2_000, maxMs: 8_000 };

class Run {
  readonly #options: RunPhasesOptions;
  readonly #facts = new Map<string, NodeFacts>();
  #swarm: SwarmFacts | undefined;
  readonly #failures = new Map<string, { phase: string; error: BrambleError }>();
  readonly #steps: StepName[] = [];

  constructor(options: RunPhasesOptions) {
    this.#options = options;
  }

  async run(): Promise<UpOutcome> {
    await this.#reach();
    for (const phase of this.#options.phases) {
      await this.#go(phase);
      if (phase.isDecisive && this.#hasFailures(phase)) break;
    }
    const failures = [...this.#failures].filter(([node]) => this.#isInLimit(node));
    return { steps: this.#steps, failures: new Map(failures), cluster: this.#cluster() };
  }

  async #reach(): Promise<void> {
    const { wanted, observe, signal } = this.#options;
    const isAsked = (name: string, role: string) => this.#isInLimit(name) || role === 'manager';
    const nodes = wanted.nodes.filter(({ name, role }) => isAsked(name, role)).map(({ name }) => name);
    await this.#inPhase({ name: 'reach', title: 'Reach the nodes' }, nodes.length, async () => {
      await this.#sideBySide(nodes, async (node) => {
        const step = { phase: 'reach', node, title: 'reach it' };
        const awaits = (forMs: number) => observe({ kind: 'node-awaited', phase: 'reach', node, forMs });
        await this.#attempt(step, (say) =>
          this.#options.reach(this.#remoteOf(node), { say, awaits, signal }),
        );
      });
      await this.#read('reach', nodes);
    });
  }

  async #go(phase: Phase): Promise<void> {
    this.#options.signal.throwIfAborted();
    const refusals = phase.refuse?.(this.#cluster()) ?? [];
    for (const { node, error } of refusals) this.#fail(phase.name, node, error);
    const steps = phase
      .plan(this.#cluster())
      .filter(({ node }) => this.#isInLimit(node) && this.#isWell(node));
    await this.#inPhase(phase, steps.length, () => this.#carryOut(phase.name, steps));
  }

  async #carryOut(phase: string, steps: readonly Step[]): Promise<void> {
    const named = steps.map(({ node, title }) => ({ phase, node, title }));
    this.#steps.push(...named);
    if (this.#options.mode === 'plan') {
      for (const step of named) this.#options.observe({ kind: 'step-planned', ...step });
      return;
    }
    if (steps.length === 0) return;
    await this.#act(phase, steps);
    await this.#read(phase, [...new Set(steps.map(({ node }) => node))]);
  }

  /** Steps of one node, and those of one group, go one after the other; the lines go side by side. */
  async #act(phase: string, steps: readonly Step[]): Promise<void> {
    const lines = groupBy(steps, ({ node, group }) => group ?? `node ${node}`);
    await this.#sideBySide([...lines.values()], async (line) => {
      for (const step of line) if (this.#isWell(step.node)) await this.#do(phase, step);
    });
  }

  async #do(phase: string, step: Step): Promise<void> {
    const { clock, signal } = this.#options;
    signal.throwIfAborted();
    await this.#attempt({ phase, node: step.node, title: step.title }, (say) =>
      step.act({
        ...{ say, clock },
        remote: this.#remoteOf(step.node),
        remoteOf: (node) => this.#remoteOf(node),
        signal: unstoppable,
      }),
    );
  }

  async #attempt(step: StepName, work: (say: (line: string) => void) => Promise<void>): Promise<void> {
    const { clock, observe } = this.#options;
    const startedMs = clock.monotonicMs();
    observe({ kind: 'step-started', ...step });
    try {
      await work((line) => observe({ kind: 'step-said', ...step, line }));
      observe({ kind: 'step-ended', ...step, tookMs: clock.monotonicMs() - startedMs });
    } catch (err) {
      this.#fail(step.phase, step.node, err);
    }
  }

  async #read(phase: string, nodes: readonly string[]): Promise<void> {
    const { remotes, readFacts, readSwarm, clock, signal } = this.#options;
    await this.#sideBySide(nodes, async (node) => {
      if (!this.#isWell(node)) return;
      try {
        this.#facts.set(node, await readFacts(this.#remoteOf(node), signal));
      } catch (err) {
        signal.throwIfAborted();
        this.#fail(phase, node, err);
      }
    });
    signal.throwIfAborted();
    const swarm = await retry(() => readSwarm(this.#facts, remotes, signal), {
      ...electionRetries,
      ...{ clock, signal },
    });
    this.#swarm = swarm ?? this.#swarm; // it did not end because its last manager failed in a step
  }

  #fail(phase: string, node: string, err: unknown): void {
    const error = toBrambleError(err);
    this.#facts.delete(node);
    if (this.#failures.has(node)) return;
    this.#failures.set(node, { phase, error });
    if (this.#isInLimit(node)) this.#options.observe({ kind: 'node-failed', phase, node, error });
  }

  #hasFailures({ name }: Phase): boolean {
    return [...this.#failures.values()].some(({ phase }) => phase === name);
  }

  async #inPhase(
    { name: phase, title }: Pick<Phase, 'name' | 'title'>,
    steps: number,
    work: () => Promise<void>,
  ): Promise<void> {
    const { clock, observe } = this.#options;
    const startedMs = clock.monotonicMs();
    observe({ kind: 'phase-started', phase, title, steps });
    await work();
    observe({ kind: 'phase-ended', phase, steps, tookMs: clock.monotonicMs() - startedMs });
  }

  #sideBySide<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
    return mapBounded(items, this.#options.width, work);
  }

  #isWell(node: string): boolean {
    return !this.#failures.has(node);
  }

  #isInLimit(node: string): boolean {
    return this.#options.limit?.has(node) ?? true;
  }

  /** As it is now: a manager that fails in the middle of a phase may still be asked by the others' steps. */
  #cluster(): Cluster {
    return { wanted: this.#options.wanted, facts: new Map(this.#facts), swarm: this.#swarm };
  }

  #remoteOf(node: string): Remote {
    return remoteOf(this.#options.remotes, node);
  }
}

/** Of a step that has begun: half of one would be harder to go on from than a whole one. */
const unstoppable = new AbortController().signal;

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
