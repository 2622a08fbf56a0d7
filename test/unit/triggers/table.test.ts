import { expect, test } from 'vitest';
import { filters } from '../../../src/events/topics.ts';
import { buildTable } from '../../../src/triggers/table.ts';
import { buildEntry } from '../../support/triggers.ts';

test('an event triggers every function with a matching filter, each once', () => {
  const table = buildTable([
    buildEntry('guard', { topics: ['bramble/+/motion/+', 'bramble/pi-01/#'] }),
    buildEntry('light', { topics: ['bramble/pi-01/motion/pir'] }),
    buildEntry('report', { schedule: {} }),
  ]);

  const names = table.functionsFor('bramble/pi-01/motion/pir').map(({ name }) => name);

  expect(names).toEqual(['guard', 'light']);
  expect(table.functionsFor('zigbee/lamp')).toEqual([]);
});

test('events of Bramble are subscribed to although no function asks for them', () => {
  expect(buildTable([]).subscriptions).toEqual([filters.everyEvent]);
});
