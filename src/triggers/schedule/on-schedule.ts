import { type Static, Type } from 'typebox';
import type { Envelope } from '../../events/event.ts';
import type { Catalogue, CatalogueEntry } from '../../functions/catalogue.ts';
import type { ScheduleSettings } from '../../functions/settings.ts';
import type { Service } from '../../lifecycle/service.ts';
import type { Store } from '../../store/store.ts';
import type { Clock } from '../../support/clock.ts';
import { messageOf } from '../../support/errors.ts';
import type { Log } from '../../support/log.ts';
import { findProblems } from '../../support/schema.ts';
import type { Acceptor } from '../acceptor.ts';
import type { Measures } from '../measures.ts';
import { watchClock } from './clock-watch.ts';
import { type PlannedTick, planTicks } from './plan-ticks.ts';
import type { Scheduler } from './scheduler.ts';
import { tickTimes } from './tick-times.ts';

const documentKind = 'schedule';
/** A Pi without a battery wakes up in 1970 or so and learns the time later: an earlier clock has not been set yet. */
const earliestSetMs = Date.UTC(2025, 0, 1);
/** When the clock goes back by more, the time before was wrong; by less, we wait until it is made up. */
const toleratedStepBackMs = 300_000;
/** A tick is accepted and then noted; a crash in between must not fire it again, even after a long pause. */
const tickDedupeMs = 7 * 86_400_000;
/** The next look after the store could not be written. */
const faultWaitMs = 5_000;
/** The next look when nothing falls due: not a tick, only a bound for the alarm. */
const longestSleepMs = 86_400_000;

/** What is kept of a schedule. With another expression or time zone it is another schedule. */
const ScheduleDocument = Type.Object({
  expression: Type.String(),
  timeZone: Type.String(),
  /** The last tick that was handled, or when the schedule was first seen. */
  lastMs: Type.Number(),
  /** Delivery of the last tick that was accepted. */
  deliveryId: Type.Union([Type.Integer(), Type.Null()]),
});
type ScheduleDocument = Static<typeof ScheduleDocument>;

interface Position extends ScheduleDocument {
  /** Ticks up to here have ids that were used. */
  readonly usedMs: number;
}

interface Scheduled {
  readonly entry: CatalogueEntry;
  readonly schedule: ScheduleSettings;
}

export interface ScheduleTriggerOptions {
  readonly scheduler: Scheduler;
  readonly catalogue: Pick<Catalogue, 'entries' | 'onChange'>;
  readonly acceptor: Pick<Acceptor, 'accept'>;
  readonly store: Pick<Store, 'waiting' | 'documents' | 'putDocument' | 'removeDocument'>;
  /** Called before ticks are fired: resolves when the store knows what others have fired, where others may. */
  readonly catchUp: (functionName: string) => Promise<void>;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Log;
  readonly measures: Measures;
}

/**
 * Fires schedules: each tick once, also over a crash, in order. The clock may be set while it runs: ticks that were
 * jumped over are missed ticks, and time that comes twice is ticked anew when it is more than a correction.
 */
export class ScheduleTrigger implements Service {
  readonly name = 'schedule trigger';
  readonly #options: ScheduleTriggerOptions;
  readonly #positions = new Map<string, Position>();
  readonly #refused = new Map<string, string>();
  #seen: ReadonlySet<string> = new Set();
  #working: Promise<void> = Promise.resolve();
  #isQueued = false;
  #isStopped = false;
  #cancelAlarm = () => {};
  #unwatch = () => {};

  constructor(options: ScheduleTriggerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { store, catalogue, clock, log } = this.#options;
    for (const { key, value } of await store.documents(documentKind)) {
      const document = readDocument(value);
      if (document === undefined) log.warn({ fn: key }, 'what was kept of a schedule cannot be read');
      else this.#positions.set(key, { ...document, usedMs: document.lastMs });
    }
    const unwatchCatalogue = catalogue.onChange(() => this.#look());
    const unwatchClock = watchClock(clock, () => this.#look());
    this.#unwatch = () => {
      unwatchCatalogue();
      unwatchClock();
    };
    this.#look();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unwatch();
    await this.#working;
    this.#cancelAlarm();
  }

  /** Looks at all schedules, once more if asked while looking. */
  #look(): void {
    if (this.#isQueued || this.#isStopped) return;
    this.#isQueued = true;
    this.#working = this.#working.then(async () => {
      this.#isQueued = false;
      await this.#fireAll();
    });
  }

  /** Never rejects. */
  async #fireAll(): Promise<void> {
    const { clock, scheduler } = this.#options;
    this.#cancelAlarm();
    await this.#forgetRemoved();
    let nextMs = clock.nowMs() + longestSleepMs;
    for (const scheduled of this.#usable()) {
      if (this.#isStopped) return;
      nextMs = Math.min(nextMs, await this.#fire(scheduled));
    }
    this.#cancelAlarm = scheduler.wakeAt(nextMs, () => this.#look());
  }

  /** Handles what is due of one schedule; resolves to when to look again. Never rejects. */
  async #fire(scheduled: Scheduled): Promise<number> {
    const { clock, log, measures } = this.#options;
    const { entry, schedule } = scheduled;
    const nowMs = clock.nowMs();
    try {
      const planFrom = ({ lastMs }: Position) =>
        planTicks(tickTimes(schedule), { lastMs, nowMs, missed: schedule.missed });
      let position = await this.#locate(scheduled, nowMs);
      if (planFrom(position).fire.length > 0) position = await this.#catchUp(scheduled, position, nowMs);
      const plan = planFrom(position);
      for (const tick of plan.fire) {
        if (this.#isStopped) return nowMs; // somebody else fires them
        await this.#handle(scheduled, tick);
      }
      if (plan.missed > 0) {
        measures.ticks.inc({ function_name: entry.name, outcome: 'missed' }, plan.missed);
        if (plan.fire.length === 0) await this.#move(entry.name, { ...position, lastMs: nowMs });
      }
      return plan.nextMs ?? nowMs + longestSleepMs;
    } catch (err) {
      log.error({ fn: entry.name, err: messageOf(err) }, 'schedule could not be handled; trying again');
      return nowMs + faultWaitMs;
    }
  }

  /** Where a schedule stands by the present clock. */
  async #locate({ entry: { name }, schedule }: Scheduled, nowMs: number): Promise<Position> {
    const { expression, timeZone } = schedule;
    const known = this.#positions.get(name);
    if (known === undefined || known.expression !== expression || known.timeZone !== timeZone) {
      return this.#move(name, { expression, timeZone, lastMs: nowMs, deliveryId: null, usedMs: 0 });
    }
    const lastMs = lastByClock(known, nowMs);
    return lastMs === known.lastMs ? known : this.#move(name, { ...known, lastMs });
  }

  /** Where it stands when others have been heard: they may have fired what we were about to. */
  async #catchUp({ entry: { name } }: Scheduled, known: Position, nowMs: number): Promise<Position> {
    const { store, catchUp } = this.#options;
    await catchUp(name);
    const kept = (await store.documents(documentKind)).find(({ key }) => key === name);
    const told = readDocument(kept?.value);
    if (told === undefined || told.expression !== known.expression || told.timeZone !== known.timeZone)
      return known;
    const isAhead = told.lastMs > known.lastMs && told.lastMs <= nowMs + toleratedStepBackMs;
    if (!isAhead) return known;
    const moved = { ...told, usedMs: Math.max(known.usedMs, told.lastMs) };
    this.#positions.set(name, moved);
    return moved;
  }

  async #handle({ entry, schedule }: Scheduled, { atMs, isLate }: PlannedTick): Promise<void> {
    const { acceptor, measures, newId } = this.#options;
    const { name } = entry;
    const position = this.#positions.get(name);
    if (position === undefined) return;
    // What was missed and is made up for overlaps by its nature.
    if (schedule.overlap === 'skip' && !isLate && (await this.#isUnfinished(name, position))) {
      measures.ticks.inc({ function_name: name, outcome: 'overlapped' });
      await this.#move(name, { ...position, lastMs: atMs });
      return;
    }
    const tick = new Date(atMs).toISOString();
    // Time that comes a second time, as 1970 does with each start, has ids of its own: the first ones count as seen.
    const id = isClockSet(atMs) && atMs > position.usedMs ? `${name}@${tick}` : newId();
    const event = tickEvent(name, { id, tick, schedule });
    const { deliveryIds } = await acceptor.accept(event, [entry], { dedupeMs: tickDedupeMs });
    measures.ticks.inc({ function_name: name, outcome: 'fired' });
    await this.#move(name, { ...position, lastMs: atMs, deliveryId: deliveryIds[0] ?? null });
  }

  async #isUnfinished(functionName: string, { deliveryId }: Position): Promise<boolean> {
    if (deliveryId === null) return false;
    const [first] = await this.#options.store.waiting(functionName, { afterId: deliveryId - 1, limit: 1 });
    return first?.id === deliveryId;
  }

  /** Noted on disk too, but for a time that would mean nothing after the next start. */
  async #move(functionName: string, position: Position): Promise<Position> {
    const { usedMs, ...document } = position;
    if (isClockSet(document.lastMs)) {
      await this.#options.store.putDocument(documentKind, functionName, document);
    }
    const moved = { ...position, usedMs: Math.max(usedMs, document.lastMs) };
    this.#positions.set(functionName, moved);
    return moved;
  }

  #usable(): Scheduled[] {
    const { catalogue, scheduler, log } = this.#options;
    const usable: Scheduled[] = [];
    for (const entry of catalogue.entries()) {
      const { schedule } = entry.settings.triggers;
      if (schedule === null) continue;
      const problem = scheduler.problem(schedule);
      if (problem === undefined) usable.push({ entry, schedule });
      else if (this.#refused.get(entry.name) !== problem)
        log.error({ fn: entry.name, problem }, 'schedule refused');
      if (problem !== undefined) this.#refused.set(entry.name, problem);
    }
    return usable;
  }

  /** Only of functions that were here: at the start the catalogue may not be complete. */
  async #forgetRemoved(): Promise<void> {
    const { catalogue, store, log } = this.#options;
    const present = new Set(
      catalogue
        .entries()
        .filter(({ settings }) => settings.triggers.schedule !== null)
        .map(({ name }) => name),
    );
    const removed = [...this.#seen].filter((name) => !present.has(name));
    this.#seen = present;
    for (const name of removed) {
      this.#positions.delete(name);
      try {
        await store.removeDocument(documentKind, name);
      } catch (err) {
        log.warn({ fn: name, err: messageOf(err) }, 'schedule of a removed function is still on disk');
      }
    }
  }
}

function lastByClock({ lastMs, usedMs }: Position, nowMs: number): number {
  // Set for the first time: what counts is what was handled before the start, not the ticks since 1970.
  if (!isClockSet(lastMs) && isClockSet(nowMs)) return isClockSet(usedMs) ? Math.min(usedMs, nowMs) : nowMs;
  return nowMs < lastMs - toleratedStepBackMs ? nowMs : lastMs;
}

function isClockSet(nowMs: number): boolean {
  return nowMs >= earliestSetMs;
}

function readDocument(value: unknown): ScheduleDocument | undefined {
  return findProblems(ScheduleDocument, value).length === 0 ? (value as ScheduleDocument) : undefined;
}

function tickEvent(
  functionName: string,
  { id, tick, schedule }: { id: string; tick: string; schedule: ScheduleSettings },
): Envelope {
  const { expression, timeZone } = schedule;
  return {
    id,
    source: `/schedule/${functionName}`,
    type: 'schedule.ticked',
    time: tick,
    topic: `schedule/${functionName}`,
    contentType: 'application/json',
    hops: 0,
    data: Buffer.from(JSON.stringify({ schedule: expression, tick, timeZone })),
  };
}
