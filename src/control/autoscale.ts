import type { FunctionScaled } from '../events/event.ts';
import { isFreezable, type ScaleSettings } from '../functions/scale-settings.ts';
import type { Demand } from './demand-board.ts';

export interface ScaleInput {
  readonly settings: ScaleSettings;
  /** Deliveries that one node handles at once. */
  readonly concurrency: number;
  readonly demand: Demand;
  /** Somebody waits for it, who may not show in the demand yet. */
  readonly isWoken: boolean;
  /** Wanted now, ready or not. */
  readonly replicas: number;
  /** Is any of them frozen now? */
  readonly isFrozen: boolean;
  /** Why its replicas cannot be frozen, for people: `it has a health check`. */
  readonly freezeObstacle: string | undefined;
  /** Of the last decision about this function; without one, this is the first. */
  readonly memory: ScaleMemory | undefined;
  /** Monotonic. */
  readonly nowMs: number;
}

/** What one decision leaves for the next. */
export interface ScaleMemory {
  /** What was needed within the window: newest last, each more than all after it. */
  readonly needs: readonly { readonly atMs: number; readonly replicas: number }[];
  /** Replicas as the last decision left them. */
  readonly replicas: number;
  /** When it was last called, or first seen. */
  readonly activeMs: number;
}

export type ScaleReason = FunctionScaled['reason'];

export interface Decision {
  readonly replicas: number;
  /** All of them, or none. */
  readonly isFrozen: boolean;
  /** `undefined` when nothing changes. */
  readonly reason: ScaleReason | undefined;
  /** For people: the figures behind it. */
  readonly explanation: string;
  readonly memory: ScaleMemory;
}

/**
 * How many replicas a function is to have: up at once to what the load needs, down to the most that was needed within
 * the window, to none in two stages. What somebody else set is kept for a window as if it had been needed.
 */
export function decide(input: ScaleInput): Decision {
  const { demand, isWoken, nowMs } = input;
  const isActive = isWoken || demand.inFlight + demand.waiting + demand.callsPerSecond > 0;
  const memory = remember(input, isActive);
  const idleMs = nowMs - memory.activeMs;
  const choice = input.replicas === 0 ? chooseAtZero(input, isActive) : choose(input, memory, idleMs);
  return {
    ...choice,
    explanation: explain(input, choice.reason, idleMs),
    memory: { ...memory, replicas: choice.replicas },
  };
}

type Choice = Pick<Decision, 'replicas' | 'isFrozen' | 'reason'>;

/** None stay none until somebody calls, whoever removed the last one. */
function chooseAtZero(input: ScaleInput, isActive: boolean): Choice {
  if (!isActive) return { replicas: 0, isFrozen: false, reason: undefined };
  return { replicas: neededReplicas(input), isFrozen: false, reason: 'wake' };
}

function choose(input: ScaleInput, memory: ScaleMemory, idleMs: number): Choice {
  const { settings, replicas, isFrozen, freezeObstacle } = input;
  if (settings.zero && isOver(settings.zeroDurationMs, idleMs))
    return { replicas: 0, isFrozen: false, reason: 'idle' };
  const wanted = wantedReplicas(input, memory);
  // Which ones go is up to Swarm, and a frozen process cannot end properly: what is left is frozen at the next tick.
  if (wanted !== replicas) return { replicas: wanted, isFrozen: false, reason: reasonFor(input, wanted) };
  const isIdle =
    isFreezable(settings) && freezeObstacle === undefined && isOver(settings.freezeAfterMs, idleMs);
  if (isIdle === isFrozen) return { replicas, isFrozen, reason: undefined };
  return { replicas, isFrozen: isIdle, reason: isIdle ? 'idle' : 'wake' };
}

function remember(input: ScaleInput, isActive: boolean): ScaleMemory {
  const { settings, memory, replicas, nowMs } = input;
  const isSetByOthers = memory?.replicas !== replicas;
  const need = Math.max(neededReplicas(input), isSetByOthers ? replicas : 0);
  const kept = (memory?.needs ?? []).filter(
    (earlier) => nowMs - earlier.atMs < settings.downWindowMs && earlier.replicas > need,
  );
  return {
    needs: [...kept, { atMs: nowMs, replicas: need }],
    replicas,
    activeMs: isActive || memory === undefined ? nowMs : memory.activeMs,
  };
}

function wantedReplicas(input: ScaleInput, { needs }: ScaleMemory): number {
  const { settings, replicas } = input;
  const { least, most } = limitsOf(settings);
  if (!scalesByLoad(settings)) return clamp(replicas, least, most);
  const highest = needs[0]?.replicas ?? least;
  return clamp(Math.max(highest, neededReplicas(input)), least, most);
}

/** What the demand of this moment needs, within the limits. */
function neededReplicas({ settings, demand, concurrency, replicas }: ScaleInput): number {
  const { least, most } = limitsOf(settings);
  if (!scalesByLoad(settings)) return clamp(replicas, least, most);
  return clamp(Math.ceil(loadOf(demand, settings, concurrency) / settings.target), least, most);
}

/** A queue hands out only so many deliveries at once: replicas beyond that would have nothing to do. */
function loadOf(demand: Demand, { type }: ScaleSettings, concurrency: number): number {
  switch (type) {
    case 'capacity': {
      const handedOut = Math.max(0, concurrency * demand.queues - demand.inFlight);
      return demand.inFlight + Math.min(demand.waiting, handedOut);
    }
    case 'rps':
      return demand.callsPerSecond;
    case 'queue':
      return demand.waiting;
    default:
      return type satisfies never;
  }
}

function scalesByLoad({ min, max, factor }: ScaleSettings): boolean {
  return factor > 0 && min < max;
}

/** Going to zero is no matter of load: a function that is called has one replica at least. */
function limitsOf({ min, max }: ScaleSettings) {
  return { least: Math.max(1, min), most: max };
}

function reasonFor({ settings, replicas, isFrozen }: ScaleInput, wanted: number): ScaleReason {
  const { least, most } = limitsOf(settings);
  if (replicas < least || replicas > most) return 'limits';
  if (wanted < replicas) return 'quiet';
  return isFrozen ? 'wake' : 'load';
}

/** A duration of 0 never ends. */
function isOver(durationMs: number, elapsedMs: number): boolean {
  return durationMs > 0 && elapsedMs >= durationMs;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

function explain(
  { settings, demand, freezeObstacle }: ScaleInput,
  reason: ScaleReason | undefined,
  idleMs: number,
): string {
  const { least, most } = limitsOf(settings);
  const load = `${demand.inFlight} in flight, ${demand.waiting} waiting, ${demand.callsPerSecond.toFixed(1)} calls/s`;
  switch (reason) {
    case undefined:
      return load;
    case 'load':
    case 'wake':
      return `${load}; one replica takes ${settings.target} (${settings.type})`;
    case 'quiet':
      return `${load}; no more were needed for ${settings.downWindowMs / 1_000} s`;
    case 'idle':
      return `not called for ${Math.round(idleMs / 1_000)} s${
        isFreezable(settings) && freezeObstacle !== undefined ? `; it was not frozen: ${freezeObstacle}` : ''
      }`;
    case 'limits':
      return `a function that is called has ${least} to ${most} replicas`;
    default:
      return reason satisfies never;
  }
}
