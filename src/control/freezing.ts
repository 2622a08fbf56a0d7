import type { Bus } from '../bus/bus.ts';
import { topics } from '../events/topics.ts';
import { encodeFreezeCommand, type Task } from '../functions/freezing/freezer-message.ts';

export interface PlacedTask extends Task {
  readonly node: string;
}

/** Tells the agents of other nodes what to freeze. Resolves when the broker has it; the agents say when it is done. */
export interface Freezing {
  freeze(task: PlacedTask): Promise<void>;
  thaw(task: PlacedTask): Promise<void>;
}

export function createFreezing(bus: Pick<Bus, 'publish'>): Freezing {
  const tell = ({ node, ...task }: PlacedTask, frozen: boolean) =>
    bus.publish({
      topic: topics.setFreezer(node),
      payload: encodeFreezeCommand({ ...task, frozen }),
      contentType: 'application/json',
    });
  return { freeze: (task) => tell(task, true), thaw: (task) => tell(task, false) };
}
