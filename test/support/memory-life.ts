import type { InventoryNode } from '../../provision/inventory.ts';
import { readInventory } from '../../provision/inventory.ts';
import type { Life } from '../../provision/life/life.ts';
import { parseConfig } from '../../src/config/file.ts';
import type { Clock } from '../../src/support/clock.ts';
import { makePublicKey } from './bramble-yaml.ts';
import type { MemorySwarm } from './memory-swarm.ts';

/** A cluster whose nodes are those of a Swarm in this process. Waiting takes no time. */
export function memoryLife(swarm: MemorySwarm): Life & { readonly said: readonly string[] } {
  const said: string[] = [];
  return {
    wanted: { ...anInventory, nodes: swarm.members.map(({ name, role }) => ({ ...aNode, name, role })) },
    remotes: swarm.remotes(),
    clock: hastyClock(),
    say: (sentence) => said.push(sentence),
    signal: new AbortController().signal,
    said,
  };
}

const example = `cluster: { user: { authorizedKeys: ['${makePublicKey()}'] }, nodes: [{ name: pi-01, role: manager }] }`;
const anInventory = readInventory(parseConfig('bramble.yaml', example), '/nonexistent');
const aNode: InventoryNode = {
  ...{ name: 'pi-01', role: 'worker', host: 'pi-01.local', addressing: { kind: 'dhcp' } },
  ...{ isWireless: false, hardware: [], labels: {} },
};

/** Time jumps to whatever is waited for. */
export function hastyClock(): Clock {
  let nowMs = 0;
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    after(delayMs, run) {
      const timer = setImmediate(() => {
        nowMs += delayMs;
        run();
      });
      return () => clearImmediate(timer);
    },
    every: () => {
      throw new TypeError('this clock has no periods');
    },
  };
}
