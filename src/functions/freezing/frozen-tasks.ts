import type { Bus, Incoming } from '../../bus/bus.ts';
import { filters, nodeOf } from '../../events/topics.ts';
import type { Service } from '../../lifecycle/service.ts';
import type { Log } from '../../support/log.ts';
import { decodeFreezerState } from './freezer-message.ts';

/** More names than this on the freezer topics is a fault, not a bramble. */
const maxNodes = 256;

/** Which replicas must not be sent requests now, as their nodes say. */
export class FrozenTasks implements Service {
  readonly name = 'frozen tasks';
  readonly #bus: Pick<Bus, 'subscribe'>;
  readonly #log: Log;
  readonly #byNode = new Map<string, readonly string[]>();
  readonly #listeners = new Set<() => void>();
  #containerIds: ReadonlySet<string> = new Set();
  #release: () => Promise<void> = async () => {};

  constructor(bus: Pick<Bus, 'subscribe'>, log: Log) {
    this.#bus = bus;
    this.#log = log;
  }

  async start(): Promise<void> {
    this.#release = await this.#bus.subscribe(filters.everyFreezer, (message) => this.#hear(message));
  }

  async stop(): Promise<void> {
    await this.#release();
  }

  get size(): number {
    return this.#containerIds.size;
  }

  has(containerId: string): boolean {
    return this.#containerIds.has(containerId);
  }

  /** Returns the function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What this node itself freezes and thaws is known here at once, broker or not. */
  note(node: string, containerIds: readonly string[]): void {
    this.#byNode.set(node, containerIds);
    this.#changed();
  }

  #hear({ topic, payload }: Incoming): void {
    const node = nodeOf(topic);
    if (payload.length === 0) this.#byNode.delete(node);
    else {
      const state = decodeFreezerState(payload);
      const hasRoom = this.#byNode.has(node) || this.#byNode.size < maxNodes;
      if (state?.node !== node || !hasRoom) {
        this.#log.warn({ topic }, 'freezer message ignored');
        return;
      }
      this.#byNode.set(
        node,
        state.tasks.map(({ containerId }) => containerId),
      );
    }
    this.#changed();
  }

  #changed(): void {
    this.#containerIds = new Set([...this.#byNode.values()].flat());
    for (const listener of [...this.#listeners]) listener();
  }
}
