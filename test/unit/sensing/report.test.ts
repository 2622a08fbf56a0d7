import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { collectEvents } from '../../support/sensing.ts';

describe('a reporter', () => {
  it('stamps a reading with id, node, time and number', async () => {
    const { events, reporter } = collectEvents(new ManualClock());
    await reporter.report({ type: 'temperature.measured', sensor: 'soc', celsius: 48.2 });
    expect(events).toEqual([
      {
        type: 'temperature.measured',
        id: 'id-1',
        node: 'pi-01',
        sensor: 'soc',
        sequence: 1,
        time: '2026-01-01T00:00:00.000Z',
        celsius: 48.2,
      },
    ]);
  });

  it('takes the time of the reading where it is known better', async () => {
    const { events, reporter } = collectEvents(new ManualClock());
    await reporter.report({ type: 'motion.detected', sensor: 'pir' }, Date.UTC(2025, 11, 31, 23, 59, 59));
    expect(events[0]?.time).toBe('2025-12-31T23:59:59.000Z');
  });

  it('counts per kind and sensor, detected and cleared being one kind', async () => {
    const { events, reporter } = collectEvents(new ManualClock());
    await reporter.report({ type: 'motion.detected', sensor: 'pir' });
    await reporter.report({ type: 'temperature.measured', sensor: 'pir', celsius: 1 });
    await reporter.report({ type: 'motion.cleared', sensor: 'pir' });
    await reporter.report({ type: 'motion.cleared', sensor: 'door' });
    expect(events.map(({ sequence }) => sequence)).toEqual([1, 1, 2, 1]);
  });

  it('says that an event was not stored instead of throwing, and leaves a gap in the numbers', async () => {
    const { events, reporter, store } = collectEvents(new ManualClock());
    store.isFull = true;
    expect(await reporter.report({ type: 'motion.detected', sensor: 'pir' })).toBe(false);
    store.isFull = false;
    expect(await reporter.report({ type: 'motion.cleared', sensor: 'pir' })).toBe(true);
    expect(events.map(({ sequence }) => sequence)).toEqual([2]);
  });
});
