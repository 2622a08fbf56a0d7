import { expect, test } from 'vitest';
import { MemoryBus } from '../../../../src/bus/bus.memory.ts';
import { FrozenTasks } from '../../../../src/functions/freezing/frozen-tasks.ts';
import { silentLog } from '../../../../src/support/log.ts';

test('what this node froze or thawed itself is known without a broker', () => {
  const frozen = new FrozenTasks(new MemoryBus(), silentLog);
  let changes = 0;
  frozen.onChange(() => {
    changes += 1;
  });
  frozen.note('pi-01', ['a', 'b']);
  expect([frozen.has('a'), frozen.has('b'), frozen.size]).toEqual([true, true, 2]);
  frozen.note('pi-01', ['b']);
  expect([frozen.has('a'), frozen.has('b'), changes]).toEqual([false, true, 2]);
});
