import { expect, it } from 'vitest';
import { rotateTokens } from '../../../../provision/life/rotate-tokens.ts';
import { memoryLife } from '../../../support/memory-life.ts';
import { MemorySwarm } from '../../../support/memory-swarm.ts';

const open = () => new MemorySwarm({ 'pi-01': { role: 'manager' }, 'pi-02': {} });

it('makes both tokens new, and tells them nobody', async () => {
  const swarm = open();
  const life = memoryLife(swarm);
  expect(await rotateTokens(life)).toBeUndefined();
  expect(swarm.tokens).toEqual({ Worker: 'token-worker-1', Manager: 'token-manager-1' });
  expect(life.said).toEqual([]);
});

it('asks again when somebody else changed the Swarm in between', async () => {
  const swarm = open();
  swarm.lateUpdates = 2;
  await rotateTokens(memoryLife(swarm));
  expect(swarm.tokens.Worker).toBe('token-worker-1');
});

it('gives up when that never ends, and says when nothing became new', async () => {
  const swarm = open();
  swarm.lateUpdates = 1000;
  await expect(rotateTokens(memoryLife(swarm))).rejects.toThrow(/out of sequence/);
  const stubborn = open();
  Object.defineProperty(stubborn, 'tokens', { get: () => ({ Worker: 'a', Manager: 'b' }), set: () => {} });
  await expect(rotateTokens(memoryLife(stubborn))).rejects.toThrow(/kept the old ones/);
});
