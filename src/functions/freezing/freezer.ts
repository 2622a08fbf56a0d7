import type { Bus, Incoming } from '../../bus/bus.ts';
import { publishState } from '../../bus/publish-state.ts';
import { filters, functionOf, topics } from '../../events/topics.ts';
import type { Service } from '../../lifecycle/service.ts';
import type { Clock } from '../../support/clock.ts';
import { messageOf } from '../../support/errors.ts';
import type { Log } from '../../support/log.ts';
import type { Metrics } from '../../support/metrics.ts';
import { decodeFreezeCommand, decodeFreezerState, encodeFreezerState, type Task } from './freezer-message.ts';
import type { TaskFreezer } from './task-freezer.ts';

/** From saying that a replica will be frozen to freezing it: every agent has heard by then, and sends it nothing more. */
const noticeMs = 1_000;
/** What was removed or thawed by somebody else is found out by looking. */
const lookMs = 10_000;

interface Entry {
  readonly task: Task;
  /** `announced`: it still runs. `thawing`: it may run already, and is not said to. */
  stage: 'announced' | 'freezing' | 'frozen' | 'thawing';
  readonly cancelNotice: () => void;
  /** The freezing under way, else resolved. */
  work: Promise<void>;
}

export interface FreezerOptions {
  readonly node: string;
  readonly bus: Pick<Bus, 'publish' | 'subscribe' | 'state' | 'onState'>;
  readonly tasks: TaskFreezer;
  /** Told, without a broker in between, which replicas here must not be sent requests from now on. */
  readonly onState?: (containerIds: readonly string[]) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * Freezes and thaws the replicas on this node: as it is told to, and thaws by itself when somebody waits for the
 * function, so that waking needs no manager. What it says, retained, is the truth for all agents: a replica is said to
 * be frozen from before it is until after it is not. Thaws everything when it stops.
 */
export class Freezer implements Service {
  readonly name = 'freezer';
  readonly #options: FreezerOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #failures;
  /** Until then the broker may tell us what an agent before us, which did not end well, left frozen. */
  #hasSpoken = false;
  #saying: Promise<void> = Promise.resolve();
  #release: (() => unknown)[] = [];

  constructor(options: FreezerOptions) {
    this.#options = options;
    this.#failures = options.metrics.counter(
      'bramble_freezer_failures_total',
      'Replicas not frozen or not thawed',
      ['action'],
    );
  }

  async start(): Promise<void> {
    const { node, bus, clock } = this.#options;
    this.#release = [
      clock.every(lookMs, () => void this.#look()),
      bus.onState(() => {
        if (this.#hasSpoken) void this.#say();
      }),
    ];
    try {
      // First what was: a command must not be overtaken by it.
      this.#release.push(await bus.subscribe(topics.freezer(node), (message) => this.#adopt(message)));
      this.#release.push(await bus.subscribe(topics.setFreezer(node), (message) => this.#obey(message)));
      this.#release.push(await bus.subscribe(filters.everyWake, ({ topic }) => this.wake(functionOf(topic))));
    } catch (err) {
      await this.stop();
      throw err;
    }
  }

  async stop(): Promise<void> {
    for (const release of this.#release.splice(0)) await release();
    await Promise.all([...this.#entries.values()].map((entry) => this.#thaw(entry)));
    await this.#saying;
  }

  /** Thaws the function's replicas on this node, without waiting for it. */
  wake(functionName: string): void {
    for (const entry of this.#entries.values())
      if (entry.task.function === functionName) void this.#thaw(entry);
  }

  #obey({ topic, payload }: Incoming): void {
    const command = decodeFreezeCommand(payload);
    if (command === undefined) {
      this.#options.log.warn({ topic }, 'freezer command ignored');
      return;
    }
    const entry = this.#entries.get(command.containerId);
    const task = { function: command.function, containerId: command.containerId };
    if (command.frozen && entry === undefined) this.#announce(task);
    // One that we know nothing of may have been frozen by an agent before us.
    if (!command.frozen) void this.#thaw(entry ?? this.#enter(task, 'frozen'));
  }

  #announce(task: Task): void {
    const cancelNotice = this.#options.clock.after(noticeMs, () => {
      entry.stage = 'freezing';
      entry.work = this.#freeze(entry);
    });
    const entry = this.#enter(task, 'announced', cancelNotice);
    void this.#say();
  }

  #enter(task: Task, stage: Entry['stage'], cancelNotice = () => {}): Entry {
    const entry: Entry = { task, stage, cancelNotice, work: Promise.resolve() };
    this.#entries.set(task.containerId, entry);
    return entry;
  }

  async #freeze(entry: Entry): Promise<void> {
    const { tasks, log } = this.#options;
    const { task } = entry;
    try {
      await tasks.freeze(task.containerId);
      if (entry.stage === 'freezing') entry.stage = 'frozen';
    } catch (err) {
      this.#failures.inc({ action: 'freeze' });
      log.warn(
        { fn: task.function, container: task.containerId, reason: messageOf(err) },
        'replica not frozen',
      );
      this.#entries.delete(task.containerId);
      void this.#say();
    }
  }

  /** Never rejects; a failure leaves it frozen, and who waits for it asks again. */
  async #thaw(entry: Entry): Promise<void> {
    if (entry.stage === 'thawing') return;
    const { tasks, log } = this.#options;
    const { task } = entry;
    entry.cancelNotice();
    entry.stage = 'thawing';
    await entry.work;
    try {
      await tasks.thaw(task.containerId);
      this.#entries.delete(task.containerId);
      await this.#say();
    } catch (err) {
      entry.stage = 'frozen';
      this.#failures.inc({ action: 'thaw' });
      log.error({ fn: task.function, container: task.containerId, err }, 'replica not thawed');
    }
  }

  /** What the broker remembers of this node, if it is still so. */
  async #adopt({ payload, retain }: Incoming): Promise<void> {
    if (!retain || this.#hasSpoken) return;
    const state = decodeFreezerState(payload);
    if (state === undefined) return;
    for (const task of state.tasks) {
      const isFrozen = await this.#options.tasks.isFrozen(task.containerId).catch(() => false);
      if (isFrozen && !this.#entries.has(task.containerId)) this.#enter(task, 'frozen');
    }
    if (!this.#hasSpoken && this.#entries.size < state.tasks.length) await this.#say();
  }

  async #look(): Promise<void> {
    const frozen = [...this.#entries.values()].filter(({ stage }) => stage === 'frozen');
    let hasChanged = false;
    for (const entry of frozen) {
      const { containerId } = entry.task;
      const isFrozen = await this.#options.tasks.isFrozen(containerId).catch(() => true);
      if (isFrozen || entry.stage !== 'frozen') continue;
      this.#entries.delete(containerId);
      hasChanged = true;
    }
    if (hasChanged) await this.#say();
  }

  /** In order: an older picture must not overtake a newer one. Never rejects. */
  #say(): Promise<void> {
    this.#hasSpoken = true;
    this.#saying = this.#saying.then(() => {
      const { node, bus, clock, log, onState } = this.#options;
      const tasks = [...this.#entries.values()].map(({ task }) => task);
      onState?.(tasks.map(({ containerId }) => containerId));
      const at = new Date(clock.nowMs()).toISOString();
      return publishState(bus, log, {
        topic: topics.freezer(node),
        payload: encodeFreezerState({ node, at, tasks }),
        contentType: 'application/json',
      });
    });
    return this.#saying;
  }
}
