import { describe, expect, it } from 'vitest';
import { MemoryBus } from '../../../src/bus/bus.memory.ts';
import { busContract } from '../../contract/bus-contract.ts';

const presence = { topic: 'bramble/pi-1/status', online: 'online', offline: 'offline' };

const traits = { carriesProperties: true, tellsSubscriptions: true, canBeCut: true };

busContract('memory', traits, async () => {
  const bus = new MemoryBus({ presence });
  return {
    bus,
    presence,
    peer: bus,
    connection: { cut: () => bus.setState('offline'), mend: () => bus.setState('online') },
    close: async () => {},
  };
});

describe('a memory bus', () => {
  it('lists what was published, in order', async () => {
    const bus = new MemoryBus();
    await bus.start();
    await bus.publish({ topic: 'a', payload: '1' });
    await bus.publish({ topic: 'b', payload: '2', retain: true });
    expect(bus.published).toEqual([
      { topic: 'a', payload: '1' },
      { topic: 'b', payload: '2', retain: true },
    ]);
  });

  it('acknowledges after the handlers, and hands their failure to the publisher at QoS 1 only', async () => {
    const bus = new MemoryBus();
    await bus.start();
    await bus.subscribe('a', async () => {
      throw new Error('disk full');
    });
    await expect(bus.publish({ topic: 'a', payload: '' })).rejects.toThrow('disk full');
    await expect(bus.publish({ topic: 'a', payload: '', qos: 0 })).resolves.toBeUndefined();
  });
});
