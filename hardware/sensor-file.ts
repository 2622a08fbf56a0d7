import { readdir, readFile } from 'node:fs/promises';
import { type Clock, sleep } from '../src/support/clock.ts';
import { BrambleError, messageOf, systemCode } from '../src/support/errors.ts';

/** A 12-bit DS18B20 converts for 750 ms within the read; what takes so much longer hangs. */
const readTimeoutMs = 2_000;

/** Reads drivers' files one at a time, as the devices on one bus must be read. */
export class SensorReader {
  readonly #clock: Clock;
  #lastTurn: Promise<unknown> = Promise.resolve();
  #queued = 0;
  /** The file whose read ran out of time and goes on still. */
  #stuckOn: string | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The file's text, trimmed. Rejects with SENSOR_FAULT when there is none in time, and when `signal` aborts. The
   * kernel cannot be made to give up a read: one that hangs keeps its turn, and until it ends further ones are refused.
   */
  async read(path: string, signal: AbortSignal): Promise<string> {
    if (this.#stuckOn !== undefined) throw sensorFault(path, `the read of ${this.#stuckOn} hangs still`);
    const given = new AbortController();
    const limit = AbortSignal.any([signal, given.signal]);
    this.#queued += 1;
    const turn = this.#lastTurn.then(async () => {
      limit.throwIfAborted();
      return (await readFile(path, 'utf8')).trim();
    });
    const waitMs = readTimeoutMs * this.#queued;
    this.#lastTurn = turn.then(
      () => this.#endTurn(),
      () => this.#endTurn(),
    );
    const late = sleep(this.#clock, waitMs, limit).then(() => {
      this.#stuckOn = path;
      throw sensorFault(path, `no answer within ${waitMs} ms`);
    });
    try {
      return await Promise.race([turn, late]);
    } catch (err) {
      throw toFault(path, err, signal);
    } finally {
      given.abort();
    }
  }

  #endTurn(): void {
    this.#queued -= 1;
    this.#stuckOn = undefined;
  }
}

export function sensorFault(path: string, reason: string, cause?: unknown): BrambleError {
  return new BrambleError('SENSOR_FAULT', `cannot read ${path}: ${reason}`, { cause });
}

/** What the drivers' answers mean. */
const reasons: Record<string, string> = {
  ENOENT: 'it is gone; was the sensor unplugged?',
  ENODEV: 'it is gone; was the sensor unplugged?',
  ENXIO: 'it is gone; was the sensor unplugged?',
  EIO: 'the sensor did not answer rightly; check its wires and pull-up',
  ETIMEDOUT: 'the sensor did not answer; check its wires and pull-up',
  EACCES: 'not permitted',
};

function toFault(path: string, err: unknown, signal: AbortSignal): unknown {
  if (err instanceof BrambleError || signal.aborted) return err;
  const code = systemCode(err);
  return sensorFault(
    path,
    code === undefined ? messageOf(err) : `${code}: ${reasons[code] ?? 'unexpected'}`,
    err,
  );
}

/** The number in a driver's file. */
export function parseNumber(path: string, text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isFinite(value)) throw sensorFault(path, `it holds ${JSON.stringify(text)}`);
  return value;
}

/** `value`, if the sensor can measure such a thing. */
export function requireRange(
  path: string,
  value: number,
  { min, max }: { min: number; max: number },
): number {
  if (value >= min && value <= max) return value;
  throw sensorFault(path, `${value} is beyond what it can measure, ${min} to ${max}`);
}

/** Names in a folder, sorted; none where there is no such folder, as without the driver. */
export async function listNames(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT' || systemCode(cause) === 'ENOTDIR') return [];
    throw sensorFault(folder, messageOf(cause), cause);
  }
}
