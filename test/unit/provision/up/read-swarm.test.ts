import { describe, expect, it } from 'vitest';
import { parseSwarm } from '../../../../provision/up/read-swarm.ts';

/** As Docker's API has a node, of the parts that are read. */
const node = {
  ID: 'i6n8',
  Spec: { Role: 'manager', Availability: 'active', Labels: { room: 'hall' } },
  Description: { Hostname: 'pi-01' },
  Status: { State: 'ready', Addr: '0.0.0.0' },
  ManagerStatus: { Leader: true, Reachability: 'reachable', Addr: '192.168.1.21:2377' },
};
const worker = {
  ID: 'wkxz',
  Spec: { Role: 'worker', Availability: 'drain', Labels: {} },
  Description: { Hostname: 'pi-02' },
  Status: { State: 'down', Addr: '192.168.1.22' },
};

describe('what managers say of the Swarm', () => {
  it('is its nodes and the services of our stack', () => {
    const lines = [
      `node\t${JSON.stringify(node)}`,
      `node\t${JSON.stringify(worker)}`,
      'replicas\tbramble_agent\t1/2',
      'replicas\tbramble_mosquitto\t1/1 (max 1 per node)',
      'fingerprint\tbramble_mosquitto\t0a1b',
      'fingerprint\tbramble_agent\t0a1c',
    ];
    expect(parseSwarm(`${lines.join('\n')}\n`)).toEqual({
      nodes: [
        {
          ...{
            id: 'i6n8',
            hostName: 'pi-01',
            address: '192.168.1.21',
            role: 'manager',
            availability: 'active',
          },
          ...{ isReady: true, isReachable: true, labels: { room: 'hall' } },
        },
        {
          ...{
            id: 'wkxz',
            hostName: 'pi-02',
            address: '192.168.1.22',
            role: 'worker',
            availability: 'drain',
          },
          ...{ isReady: false, isReachable: false, labels: {} },
        },
      ],
      services: [
        { name: 'bramble_agent', running: 1, wanted: 2, fingerprint: '0a1c' },
        { name: 'bramble_mosquitto', running: 1, wanted: 1, fingerprint: '0a1b' },
      ],
    });
  });

  it('is no service before the stack was deployed', () => {
    expect(parseSwarm(`node\t${JSON.stringify(worker)}\n`).services).toEqual([]);
  });
});
