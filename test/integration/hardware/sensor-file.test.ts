import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { SensorReader } from '../../../hardware/sensor-file.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { makeTree } from '../../support/tree.ts';

const signal = new AbortController().signal;

/** A file whose reading hangs until something is written to it. */
async function openHanging() {
  const { root } = await makeTree({ other: '21\n' });
  const hanging = join(root, 'hanging');
  execFileSync('mkfifo', [hanging]);
  return { hanging, other: join(root, 'other'), finish: () => writeFile(hanging, '20\n') };
}

describe('a driver’s file that hangs', () => {
  it('is given up after two seconds, and the caller lives on', async () => {
    const { hanging, finish } = await openHanging();
    const clock = new ManualClock();
    const reading = expect(new SensorReader(clock).read(hanging, signal)).rejects.toMatchObject({
      code: 'SENSOR_FAULT',
      message: expect.stringContaining('no answer within 2000 ms'),
    });
    await clock.advance(2_000);
    await reading;
    expect(clock.pendingTimers).toBe(0);
    await finish();
  });

  it('is not joined by further readings until it ends', async () => {
    const { hanging, other, finish } = await openHanging();
    const clock = new ManualClock();
    const reader = new SensorReader(clock);
    const reading = expect(reader.read(hanging, signal)).rejects.toThrow('no answer');
    await clock.advance(2_000);
    await reading;
    await expect(reader.read(other, signal)).rejects.toThrow(`${hanging} hangs still`);
    await finish();
    await vi.waitFor(async () => expect(await reader.read(other, signal)).toBe('21'), { timeout: 10_000 });
  });

  it('is left at once by a caller that gives up', async () => {
    const { hanging, finish } = await openHanging();
    const clock = new ManualClock();
    const giveUp = new AbortController();
    const reading = new SensorReader(clock).read(hanging, giveUp.signal);
    await clock.advance(0);
    const reason = new Error('given up');
    giveUp.abort(reason);
    await expect(reading).rejects.toBe(reason);
    expect(clock.pendingTimers).toBe(0);
    await finish();
  });
});
