/** A worker that a line hands jobs to, one at a time. */
export interface Taker<Job> {
  take(job: Job): void;
}

/**
 * Jobs of one function on their way to the first worker that is free. Workers join when they are ready and leave
 * before they end; when the last one leaves, who still waits is turned away.
 */
export class WaitingLine<Job extends { turnAway(): void }> {
  readonly #jobs = new Set<Job>();
  readonly #workers = new Set<Taker<Job>>();
  readonly #idle = new Set<Taker<Job>>();

  get waiting(): number {
    return this.#jobs.size;
  }

  get workers(): number {
    return this.#workers.size;
  }

  /** True when a worker took it, or none is there, at once; false when it waits now. */
  push(job: Job): boolean {
    const [worker] = this.#idle;
    if (worker !== undefined) {
      this.#idle.delete(worker);
      worker.take(job);
      return true;
    }
    if (this.#workers.size === 0) {
      job.turnAway();
      return true;
    }
    this.#jobs.add(job);
    return false;
  }

  /** Takes back a job that still waits. */
  withdraw(job: Job): void {
    this.#jobs.delete(job);
  }

  join(worker: Taker<Job>): void {
    this.#workers.add(worker);
    this.next(worker);
  }

  /** The worker is free. */
  next(worker: Taker<Job>): void {
    if (!this.#workers.has(worker)) return;
    const [job] = this.#jobs;
    if (job === undefined) {
      this.#idle.add(worker);
      return;
    }
    this.#jobs.delete(job);
    worker.take(job);
  }

  leave(worker: Taker<Job>): void {
    this.#workers.delete(worker);
    this.#idle.delete(worker);
    if (this.#workers.size > 0) return;
    const left = [...this.#jobs];
    this.#jobs.clear();
    for (const job of left) job.turnAway();
  }
}
