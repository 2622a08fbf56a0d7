import { systemClock } from '../../src/support/clock.system.ts';
import type { Clock } from '../../src/support/clock.ts';

/** The text of a `w1_slave` file; the bytes are those of a DS18B20 at 21.5 °C unless told. */
export function slaveText(
  milliCelsius: number,
  { bytes = '58 01 4b 46 7f ff 0c 10 5d', verdict = 'YES' }: { bytes?: string; verdict?: 'YES' | 'NO' } = {},
): string {
  return `${bytes} : crc=5d ${verdict}\n${bytes} t=${milliCelsius}\n`;
}

/** Real time, but waits of more than two seconds, as between attempts, are over at once and noted in `skippedMs`. */
export function impatientClock(): { clock: Clock; skippedMs: readonly number[] } {
  const skippedMs: number[] = [];
  const after: Clock['after'] = (delayMs, run) => {
    if (delayMs <= 2_000) return systemClock.after(delayMs, run);
    skippedMs.push(delayMs);
    return systemClock.after(0, run);
  };
  return { clock: { ...systemClock, after }, skippedMs };
}
