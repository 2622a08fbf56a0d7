import { type Engine, openEngine } from './engine.ts';
import { type Executor, GroupCommitStore } from './group-commit.ts';

/** The same SQL as on disk, in this thread and in memory; gone when it is stopped. */
export class MemoryStore extends GroupCommitStore {
  constructor() {
    super(inMemory());
  }
}

function inMemory(): Executor {
  let engine: Engine | undefined;
  return {
    async open() {
      engine = openEngine(':memory:');
    },
    async run(requests) {
      return engine?.applyBatch(requests) ?? [];
    },
    async close() {
      engine?.close();
    },
  };
}
