import { expect, test } from 'vitest';
import { buildEvent } from '../../../support/store-values.ts';
import { answer, buildEntry, startRig } from '../../../support/triggers.ts';
import { until } from '../../../support/wait.ts';

const json = { 'content-type': 'application/json' };
const alert = JSON.stringify({
  publish: [{ topic: 'bramble/pi-01/alert/guard', payload: { on: true }, retain: true }],
});

test('an answer may ask for a message on a topic that its function may use', async () => {
  const guard = buildEntry('guard', { delivery: { publish: ['bramble/+/alert/#'] } });
  const rig = await startRig([guard]);
  rig.functions.define('guard', () => answer(200, alert, json));

  await rig.acceptor.accept(buildEvent({ hops: 2 }), [guard]);

  await until('it is handled', async () => (await rig.waiting('guard')) === 0);
  expect(rig.bus.published).toMatchObject([
    { topic: 'bramble/pi-01/alert/guard', payload: '{"on":true}', retain: true, properties: { hops: '3' } },
  ]);
});

test.each([{ publish: ['zigbee/#'] }, { publish: [] }])(
  'with $publish allowed it may not',
  async ({ publish }) => {
    const guard = buildEntry('guard', { delivery: { publish } });
    const rig = await startRig([guard]);
    rig.functions.define('guard', () => answer(200, alert, json));

    await rig.acceptor.accept(buildEvent(), [guard]);

    await until('it is handled', async () => (await rig.waiting('guard')) === 0);
    expect(rig.bus.published).toEqual([]);
    expect(await rig.results()).toMatchObject([{ type: 'function.finished' }]);
  },
);

test('a message waits a while for the bus to come back', async () => {
  const guard = buildEntry('guard', { delivery: { publish: ['#'] } });
  const rig = await startRig([guard]);
  rig.functions.define('guard', () => answer(200, alert, json));
  await rig.bus.setState('offline');

  await rig.acceptor.accept(buildEvent(), [guard]);
  await until('it was called', () => rig.functions.calls.length === 1);
  await rig.clock.advance(1_000);
  await rig.bus.setState('online');

  await until('it is published', async () => {
    await rig.clock.advance(1_000);
    return rig.bus.published.length === 1;
  });
});

test('a bus that stays away holds the queue up no longer', async () => {
  const guard = buildEntry('guard', { delivery: { publish: ['#'] } });
  const rig = await startRig([guard]);
  rig.functions.define('guard', () => answer(200, alert, json));
  await rig.bus.setState('offline');

  await rig.acceptor.accept(buildEvent(), [guard]);

  await until('it is handled', async () => {
    await rig.clock.advance(1_000);
    return (await rig.waiting('guard')) === 0;
  });
  const { values } = await rig.measures.publications.get();
  expect(values).toMatchObject([{ labels: { outcome: 'failed' }, value: 1 }]);
});
