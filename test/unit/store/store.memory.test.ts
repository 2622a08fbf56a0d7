import { MemoryStore } from '../../../src/store/store.memory.ts';
import { storeContract } from '../../contract/store-contract.ts';

storeContract('memory', async () => {
  const store = new MemoryStore();
  await store.start(new AbortController().signal);
  return { store, close: () => store.stop() };
});
