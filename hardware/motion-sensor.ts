import { type Clock, sleep } from '../src/support/clock.ts';
import { messageOf } from '../src/support/errors.ts';
import { backoffMs } from '../src/support/retry.ts';
import type { Gpio, InputLine, Level } from './gpio.ts';

/** What a motion sensor tells. Each time that it becomes available, `onMotion` or `onClear` follows at once. */
export interface MotionListener {
  /** Motion began. `atMs` is the wall-clock time of the edge. */
  onMotion(atMs: number): void;
  /** There was no motion for the hold time. */
  onClear(atMs: number): void;
  /** `reason` says why it is not available: it warms up, or its line failed and will be opened again. */
  onAvailability(isAvailable: boolean, reason?: string): void;
}

export interface MotionSensorOptions {
  readonly gpio: Pick<Gpio, 'openInput'>;
  readonly bcm: number;
  readonly activeLow: boolean;
  /** So long after `start` its level means nothing. */
  readonly warmUpMs: number;
  /** A level counts once there was no edge for so long. */
  readonly debounceMs: number;
  /** Motion is cleared once the line was low for so long. */
  readonly holdMs: number;
  /** The level is read so often, should an edge have been lost. */
  readonly resyncMs: number;
  readonly clock: Clock;
  /** In [0, 1): spreads the attempts to open a line that failed. */
  readonly random?: () => number;
}

const reopenBackoff = { minMs: 1_000, maxMs: 60_000 };

/** A passive infrared sensor: its line is high while it sees motion. A line that fails is opened again until `stop`. */
export class MotionSensor {
  readonly #options: MotionSensorOptions;
  readonly #listener: MotionListener;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: MotionSensorOptions, listener: MotionListener) {
    this.#options = options;
    this.#listener = listener;
  }

  /** Returns at once; the listener hears whether the line can be used. */
  start(): void {
    this.#running = this.#run(this.#stopping.signal);
  }

  /** The listener hears nothing more, and the line is given back. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, warmUpMs, random = Math.random } = this.#options;
    const warmAtMs = clock.monotonicMs() + warmUpMs;
    for (let failures = 1; !signal.aborted; failures += 1) {
      try {
        await this.#watchLine(warmAtMs, signal, () => {
          failures = 0;
        });
      } catch (err) {
        if (signal.aborted) return;
        this.#listener.onAvailability(false, messageOf(err));
        await sleep(clock, backoffMs(Math.max(1, failures), reopenBackoff, random()), signal).catch(() => {});
      }
    }
  }

  /** Ends only by throwing: what is wrong with the line, or the signal's reason. */
  async #watchLine(warmAtMs: number, signal: AbortSignal, onUsable: () => void): Promise<never> {
    const { gpio, bcm, activeLow, clock } = this.#options;
    const line = await gpio.openInput(bcm, { activeLow });
    try {
      signal.throwIfAborted();
      const leftMs = warmAtMs - clock.monotonicMs();
      if (leftMs > 0) {
        this.#listener.onAvailability(false, 'warming up');
        await sleep(clock, leftMs, signal);
      }
      const level = await line.read();
      signal.throwIfAborted();
      onUsable();
      this.#listener.onAvailability(true);
      return await followLine(line, level, { ...this.#options, listener: this.#listener, signal });
    } finally {
      await line.close();
    }
  }
}

interface FollowOptions extends MotionSensorOptions {
  readonly listener: MotionListener;
  readonly signal: AbortSignal;
}

/** Tells the listener of motion until the line fails or the signal is aborted; then throws the reason. */
async function followLine(line: InputLine, first: Level, options: FollowOptions): Promise<never> {
  const { clock, debounceMs, resyncMs, signal } = options;
  const motion = trackMotion(first, options);
  let cancelDebounce: (() => void) | undefined;
  const cleanups: (() => void)[] = [motion.stop, () => cancelDebounce?.()];
  try {
    return await new Promise<never>((_, reject) => {
      const onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      const settle = async (atMs: number) => {
        const level = await line.read();
        if (cancelDebounce === undefined && !signal.aborted) motion.take(level, atMs);
      };
      // The level an edge came with may be old by now, so it only says when to look.
      const onEdge = () => {
        const atMs = clock.nowMs();
        cancelDebounce?.();
        cancelDebounce = clock.after(debounceMs, () => {
          cancelDebounce = undefined;
          settle(atMs).catch(reject);
        });
      };
      const resync = () => {
        if (cancelDebounce === undefined) settle(clock.nowMs()).catch(reject);
      };
      cleanups.push(() => signal.removeEventListener('abort', onAbort));
      cleanups.push(line.watch(onEdge, reject));
      cleanups.push(clock.every(resyncMs, resync));
      resync(); // an edge may have come between the first reading and the watch
    });
  } finally {
    for (const cleanup of cleanups) cleanup();
  }
}

/** Settled levels in, beginning and end of motion out. Tells the listener the first state at once. */
function trackMotion(first: Level, { clock, holdMs, listener }: FollowOptions) {
  let isMoving = first === 1;
  let cancelHold: (() => void) | undefined;
  const endHold = () => {
    cancelHold?.();
    cancelHold = undefined;
  };
  const clear = () => {
    isMoving = false;
    cancelHold = undefined;
    listener.onClear(clock.nowMs());
  };
  if (isMoving) listener.onMotion(clock.nowMs());
  else listener.onClear(clock.nowMs());
  return {
    take(level: Level, atMs: number): void {
      if (level === 0) {
        if (isMoving) cancelHold ??= clock.after(holdMs, clear);
        return;
      }
      endHold();
      if (!isMoving) listener.onMotion(atMs);
      isMoving = true;
    },
    stop: endHold,
  };
}
