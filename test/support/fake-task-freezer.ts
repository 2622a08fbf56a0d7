import type { TaskFreezer } from '../../src/functions/freezing/task-freezer.ts';
import { BrambleError } from '../../src/support/errors.ts';

/** A container id that begins with `name`, which is hexadecimal: `containerId('a1')`. */
export const containerId = (name: string) => name.padEnd(64, '0');

/** Freezes what it is told is there. */
export class FakeTaskFreezer implements TaskFreezer {
  readonly containers: Set<string>;
  readonly frozen = new Set<string>();
  /** While given, freezing and thawing wait for it. */
  gate: Promise<void> = Promise.resolve();
  /** Thawing rejects while true. */
  isStuck = false;

  constructor(...containers: readonly string[]) {
    this.containers = new Set(containers);
  }

  async freeze(id: string): Promise<void> {
    await this.gate;
    if (!this.containers.has(id)) throw new BrambleError('NOT_FOUND', `no container ${id}`);
    this.frozen.add(id);
  }

  async thaw(id: string): Promise<void> {
    await this.gate;
    if (this.isStuck) throw new BrambleError('UNSUPPORTED', 'stuck');
    this.frozen.delete(id);
  }

  async isFrozen(id: string): Promise<boolean> {
    return this.containers.has(id) && this.frozen.has(id);
  }
}
