import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryBus } from '../../../src/bus/bus.memory.ts';
import { decodeDemand, encodeDemand, type FunctionDemand } from '../../../src/control/demand.ts';
import { DemandBoard, noDemand } from '../../../src/control/demand-board.ts';
import { DemandPublisher } from '../../../src/control/demand-publisher.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { silentLog } from '../../../src/support/log.ts';
import { Metrics } from '../../../src/support/metrics.ts';

const demand = (fields: Partial<FunctionDemand> = {}): FunctionDemand => ({
  inFlight: 0,
  waiting: 0,
  requests: 0,
  ...fields,
});

async function openBoard() {
  const bus = new MemoryBus();
  const clock = new ManualClock();
  const metrics = new Metrics();
  const board = new DemandBoard({ bus, clock, log: silentLog, metrics });
  await bus.start();
  await board.start();
  const publish = (node: string, payload: string) =>
    bus.publish({ topic: `bramble/${node}/demand`, payload, qos: 0 });
  const say = (node: string, functions: Record<string, FunctionDemand>) =>
    publish(node, encodeDemand({ node, at: new Date(clock.nowMs()).toISOString(), functions }));
  return { bus, clock, metrics, board, publish, say };
}

describe('the demand board', () => {
  it('adds up what all nodes ask of a function', async () => {
    const { board, say } = await openBoard();
    await say('pi-01', { echo: demand({ inFlight: 3, waiting: 5 }), other: demand({ inFlight: 9 }) });
    await say('pi-02', { echo: demand({ inFlight: 4 }) });
    expect(board.of('echo')).toEqual({ inFlight: 7, waiting: 5, callsPerSecond: 0, queues: 1 });
    expect(board.of('nobody')).toEqual(noDemand);
  });

  it('tells the rate from the growth of each node’s count, also over a restart of its agent', async () => {
    const { board, clock, say } = await openBoard();
    await say('pi-01', { echo: demand({ requests: 1_000 }) });
    expect(board.of('echo').callsPerSecond).toBe(0);
    await clock.advance(2_000);
    await say('pi-01', { echo: demand({ requests: 1_100 }) });
    expect(board.of('echo').callsPerSecond).toBe(50);
    await clock.advance(1_000);
    await say('pi-01', { echo: demand({ requests: 30 }) });
    expect(board.of('echo').callsPerSecond).toBe(30);
  });

  it('counts the first calls of a function on a node that it knows', async () => {
    const { board, clock, say } = await openBoard();
    await say('pi-01', { other: demand({ requests: 1 }) });
    await clock.advance(1_000);
    await say('pi-01', { other: demand({ requests: 1 }), echo: demand({ requests: 2 }) });
    expect(board.of('echo').callsPerSecond).toBe(2);
  });

  it('counts the calls of all nodes, also of those that are silent because nobody calls', async () => {
    const { board, clock, say } = await openBoard();
    await say('pi-01', { echo: demand({ requests: 1 }) });
    await say('pi-02', { echo: demand({ requests: 3 }), other: demand({ requests: 5 }) });
    await clock.advance(3_600_000);
    await say('pi-01', { echo: demand({ requests: 2 }) });
    expect([...board.calls()]).toEqual([
      ['echo', 5],
      ['other', 5],
    ]);
  });

  it('does not believe a node that is silent for five seconds', async () => {
    const { board, clock, say } = await openBoard();
    await say('pi-01', { echo: demand({ inFlight: 3 }) });
    await clock.advance(4_999);
    expect(board.of('echo').inFlight).toBe(3);
    await clock.advance(1);
    expect(board.of('echo')).toEqual(noDemand);
  });

  it.each([
    ['no JSON', 'x'],
    ['another node’s name', encodeDemand({ node: 'pi-02', at: '2026-01-01T00:00:00Z', functions: {} })],
    [
      'a count below zero',
      '{"node":"pi-01","at":"2026-01-01T00:00:00Z","functions":{"a":{"inFlight":-1,"waiting":0,"requests":0}}}',
    ],
    [
      'a name that no function can have',
      '{"node":"pi-01","at":"2026-01-01T00:00:00Z","functions":{"A/B":{"inFlight":1,"waiting":0,"requests":0}}}',
    ],
  ])('ignores and counts a message with %s', async (_, payload) => {
    const { metrics, publish } = await openBoard();
    await publish('pi-01', payload);
    expect(await metrics.render()).toContain('bramble_demand_messages_ignored_total 1');
  });
});

describe('the demand publisher', () => {
  async function openPublisher() {
    const bus = new MemoryBus();
    const clock = new ManualClock();
    const functions = new Map<string, FunctionDemand>();
    const publisher = new DemandPublisher({
      node: 'pi-01',
      bus,
      clock,
      log: silentLog,
      read: () => functions,
    });
    await bus.start();
    await publisher.start();
    onTestFinished(() => publisher.stop());
    const said = () => bus.published.map(({ payload }) => decodeDemand(Buffer.from(payload))?.functions);
    return { bus, clock, functions, publisher, said };
  }

  it('says each second what is in flight or waits, not retained', async () => {
    const { bus, clock, functions, said } = await openPublisher();
    functions.set('echo', demand({ inFlight: 2, requests: 7 })).set('quiet', demand());
    await clock.advance(10_000);
    expect(said()).toEqual(Array(10).fill({ echo: demand({ inFlight: 2, requests: 7 }) }));
    expect(bus.published[0]).toMatchObject({ topic: 'bramble/pi-01/demand', qos: 0 });
    expect(bus.published[0]?.retain).toBeUndefined();
  });

  it('falls silent after it has said three times that all is quiet, until somebody calls', async () => {
    const { clock, functions, said } = await openPublisher();
    await clock.advance(5_000);
    expect(said()).toEqual([]);
    functions.set('echo', demand({ requests: 1 }));
    await clock.advance(20_000);
    expect(said()).toHaveLength(3);
    functions.set('echo', demand({ requests: 2 }));
    await clock.advance(20_000);
    expect(said()).toHaveLength(6);
  });

  it('says it again over a new connection, and nothing without one', async () => {
    const { bus, clock, functions, said } = await openPublisher();
    functions.set('echo', demand({ requests: 1 }));
    await clock.advance(20_000);
    await bus.setState('offline');
    functions.set('echo', demand({ inFlight: 1, requests: 2 }));
    await clock.advance(2_000);
    expect(said()).toHaveLength(3);
    await bus.setState('online');
    await clock.advance(1_000);
    expect(said()).toHaveLength(4);
  });

  it('does nothing after its stop', async () => {
    const { clock, publisher } = await openPublisher();
    await publisher.stop();
    expect(clock.pendingTimers).toBe(0);
  });
});
