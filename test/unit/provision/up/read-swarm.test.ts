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
      'task\tt1\tbramble_agent.i6n8\tpi-01\tRunning\tRunning 2 hours ago\t',
      'task\tt2\tbramble_agent.wkxz\tpi-02\tReady\tReady 1 second ago\t',
      'task\tt3\tbramble_mosquitto.1\tpi-01\tRunning\tRunning 2 hours ago\t',
      'service\tbramble_agent\t0a1c\trollback_paused',
      'service\tbramble_mosquitto\t0a1b\t',
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
        { name: 'bramble_agent', running: 1, wanted: 2, fingerprint: '0a1c', update: 'rollback_paused' },
        { name: 'bramble_mosquitto', running: 1, wanted: 1, fingerprint: '0a1b', update: '' },
      ],
    });
  });

  it('is no service before the stack was deployed', () => {
    expect(parseSwarm(`node\t${JSON.stringify(worker)}\n`).services).toEqual([]);
  });
});
