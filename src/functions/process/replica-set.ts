import type { Clock } from '../../support/clock.ts';
import { messageOf } from '../../support/errors.ts';
import type { Log } from '../../support/log.ts';
import { backoffMs } from '../../support/retry.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Replica } from './replica.ts';
import { planReplicas } from './replica-plan.ts';

/** Waits before a replica that keeps dying is started again. */
const restartBackoff = { minMs: 100, maxMs: 10_000 };
/** A replica that was ready for so long is not "dying at once". */
const stableMs = 1_000;

/** Makes replicas of one version of a function. */
export interface Version {
  /** Longest time that requests in flight get to finish when a replica goes. */
  readonly drainMs: number;
  createReplica(id: string): Replica;
}

export interface ReplicaSetOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: () => void;
  readonly onRestart: () => void;
}

interface Slot {
  readonly version: Version;
  state: 'starting' | 'ready' | 'retiring';
  replica: Replica | undefined;
  /** Settles, never rejects, when the present start has come to its end. */
  starting: Promise<void>;
  /** Ends the wait before the next start. */
  cancelWait: () => void;
  /** Deaths in a row without a stable time. */
  failures: number;
}

/** Keeps the wanted number of replicas of the newest version running; those that die are started again. */
export class ReplicaSet {
  readonly #options: ReplicaSetOptions;
  readonly #slots = new Set<Slot>();
  readonly #retiring = new Map<Slot, Promise<void>>();
  #version: Version;
  #wanted: number;
  #ready: readonly Endpoint[] = [];
  #started = 0;

  constructor(version: Version, wanted: number, options: ReplicaSetOptions) {
    this.#version = version;
    this.#wanted = wanted;
    this.#options = options;
  }

  /** All that can take a request; those of an old version, too, until new ones are ready. */
  get ready(): readonly Endpoint[] {
    return this.#ready;
  }

  /** How many of the newest version are ready: none, for as long as only an old one serves. */
  get readyOfNewest(): number {
    return [...this.#slots].filter(({ state, version }) => state === 'ready' && version === this.#version)
      .length;
  }

  start(): void {
    this.#reconcile();
  }

  scale(wanted: number): void {
    this.#wanted = wanted;
    this.#reconcile();
  }

  /** Rolls over to a new version: a new replica is ready before an old one goes. */
  replace(version: Version, wanted: number): void {
    this.#version = version;
    this.#wanted = wanted;
    for (const slot of [...this.#slots]) if (slot.state === 'starting') this.#retire(slot, { drainMs: 0 });
    this.#reconcile();
  }

  /** Resolves when nothing runs any more. May be called again with less time, while it runs. */
  async stop(drainMs = this.#version.drainMs): Promise<void> {
    this.#wanted = 0;
    const retiringBefore = [...this.#retiring.keys()];
    for (const slot of [...this.#slots]) if (slot.state !== 'retiring') this.#retire(slot, { drainMs });
    for (const slot of retiringBefore) slot.replica?.stop(drainMs).catch(() => {}); // the first call reports
    await Promise.all(this.#retiring.values());
  }

  #reconcile(): void {
    const slots = [...this.#slots].filter(({ state }) => state !== 'retiring');
    const newest = slots.filter(({ version }) => version === this.#version);
    const old = slots.filter(({ version }) => version !== this.#version);
    const ready = newest.filter(({ state }) => state === 'ready');
    const starting = newest.filter(({ state }) => state === 'starting');
    const plan = planReplicas({
      wanted: this.#wanted,
      starting: starting.length,
      ready: ready.length,
      old: old.length,
    });
    for (let i = 0; i < plan.start; i += 1) this.#add();
    // Those that serve nobody yet go first, the youngest of the others next.
    const leaving = [...starting, ...ready.reverse()].slice(0, plan.retireNew);
    for (const slot of [...leaving, ...old.slice(0, plan.retireOld)])
      this.#retire(slot, { drainMs: slot.version.drainMs });
  }

  #add(): void {
    const slot = newSlot(this.#version);
    this.#slots.add(slot);
    this.#launch(slot);
  }

  #launch(slot: Slot): void {
    const { name, log } = this.#options;
    this.#started += 1;
    const replica = slot.version.createReplica(`${name}-${this.#started}`);
    slot.replica = replica;
    slot.starting = replica.start().then(
      () => this.#onReady(slot, replica),
      (err) => {
        if (slot.state === 'retiring') return;
        log.error({ fn: name, replica: replica.id, reason: messageOf(err) }, 'replica did not start');
        this.#restart(slot, { isStable: false });
      },
    );
  }

  #onReady(slot: Slot, replica: Replica): void {
    if (slot.state === 'retiring') return;
    const { clock, log, name } = this.#options;
    const readyMs = clock.monotonicMs();
    slot.state = 'ready';
    replica.gone
      .then((reason) => {
        if (slot.state === 'retiring') return;
        log.warn({ fn: name, replica: replica.id, reason }, 'replica ended, starting another');
        this.#restart(slot, { isStable: clock.monotonicMs() - readyMs >= stableMs });
      })
      .catch((err) => log.error({ err, fn: name }, 'replica could not be replaced'));
    this.#changed();
    this.#reconcile();
  }

  /** What is left of the dead replica is ended beside the start of its successor. */
  #restart(slot: Slot, { isStable }: { isStable: boolean }): void {
    const { clock, log, name, onRestart } = this.#options;
    const dead = slot.replica;
    slot.replica = undefined;
    slot.state = 'starting';
    slot.failures = isStable ? 0 : slot.failures + 1;
    onRestart();
    if (dead !== undefined) this.#bury(slot.version, dead);
    if (slot.version !== this.#version) {
      this.#slots.delete(slot); // an old version is not revived
    } else if (slot.failures <= 1) {
      this.#launch(slot);
    } else {
      const waitMs = backoffMs(slot.failures - 1, restartBackoff, Math.random());
      log.debug({ fn: name, failures: slot.failures, waitMs }, 'waiting before the next start');
      slot.cancelWait = clock.after(waitMs, () => this.#launch(slot));
    }
    this.#changed();
    this.#reconcile();
  }

  #bury(version: Version, dead: Replica): void {
    const grave = newSlot(version, dead);
    this.#slots.add(grave);
    this.#retire(grave, { drainMs: 0 });
  }

  #retire(slot: Slot, { drainMs }: { drainMs: number }): void {
    slot.state = 'retiring';
    slot.cancelWait();
    this.#retiring.set(slot, this.#end(slot, drainMs));
    this.#changed();
  }

  async #end(slot: Slot, drainMs: number): Promise<void> {
    const { log, name } = this.#options;
    try {
      await slot.replica?.stop(drainMs);
      // A start that was under way may have launched its process only after that.
      await slot.starting;
      await slot.replica?.stop(0);
    } catch (err) {
      log.error({ err, fn: name, replica: slot.replica?.id }, 'replica did not stop cleanly');
    } finally {
      this.#slots.delete(slot);
      this.#retiring.delete(slot);
    }
  }

  #changed(): void {
    this.#ready = [...this.#slots].flatMap(({ state, replica }) =>
      state === 'ready' && replica !== undefined ? [replica] : [],
    );
    this.#options.onChange();
  }
}

function newSlot(version: Version, replica?: Replica): Slot {
  return {
    version,
    state: 'starting',
    replica,
    starting: Promise.resolve(),
    cancelWait: () => {},
    failures: 0,
  };
}
