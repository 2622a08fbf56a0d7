import { type Decision, decide, type ScaleMemory } from '../../src/control/autoscale.ts';
import { type Demand, noDemand } from '../../src/control/demand-board.ts';
import { parseSettings } from '../../src/functions/settings.ts';

export interface Simulation {
  readonly seconds: number;
  /** Below `com.openfaas.scale`. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly concurrency?: number;
  readonly demandAt: (second: number) => Partial<Demand>;
  /** From wanting a replica to its being ready. */
  readonly startSeconds?: number;
  readonly freezeObstacle?: string;
  /** Seconds in which somebody waits for the function. */
  readonly wakesAt?: readonly number[];
  /** What somebody else sets, by second. */
  readonly setByHand?: Readonly<Record<number, number>>;
  /** Seconds in which another leader begins, without memory. */
  readonly newLeaderAt?: readonly number[];
}

export interface Step extends Decision {
  readonly second: number;
  readonly demand: Demand;
  readonly ready: number;
}

export const scaleLabels = (labels: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(labels).map(([key, value]) => [`com.openfaas.scale.${key}`, value]));

/** One decision a second about a function that begins with one replica. */
export function simulate(plan: Simulation): Step[] {
  const { labels = {}, annotations = {}, startSeconds = 2, wakesAt = [], newLeaderAt = [] } = plan;
  const { scale } = parseSettings({ service: 'fn', labels: scaleLabels(labels), annotations });
  const steps: Step[] = [];
  let memory: ScaleMemory | undefined;
  let replicas = 1;
  let isFrozen = false;
  let starting: { readonly at: number; readonly replicas: number }[] = [];
  let ready = 1;
  for (let second = 0; second < plan.seconds; second += 1) {
    if (newLeaderAt.includes(second)) memory = undefined;
    replicas = plan.setByHand?.[second] ?? replicas;
    for (const { at, replicas: started } of starting) if (at <= second) ready = started;
    starting = starting.filter(({ at }) => at > second);
    ready = Math.min(ready, replicas);
    const demand = { ...noDemand, ...plan.demandAt(second) };
    const decision = decide({
      settings: scale,
      concurrency: plan.concurrency ?? 1,
      demand,
      isWoken: wakesAt.includes(second),
      replicas,
      isFrozen,
      freezeObstacle: plan.freezeObstacle,
      memory,
      nowMs: second * 1_000,
    });
    if (decision.replicas > replicas)
      starting.push({ at: second + startSeconds, replicas: decision.replicas });
    ({ memory, replicas, isFrozen } = decision);
    steps.push({ ...decision, second, demand, ready });
  }
  return steps;
}

/** `12 s: 1 → 5 (load)`, with `frozen` where they are. */
export function changesOf(steps: readonly Step[]): string[] {
  return steps
    .filter(({ reason }) => reason !== undefined)
    .map(
      ({ second, replicas, isFrozen, reason }) =>
        `${second} s: ${replicas}${isFrozen ? ' frozen' : ''} (${reason})`,
    );
}
