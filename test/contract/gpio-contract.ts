import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Gpio, InputLine, InputOptions, Level, OutputLine } from '../../hardware/gpio.ts';

/** The port, with calls that may also answer later: the real one runs in another process. */
export interface GpioUnderTest {
  openInput(bcm: number, options?: InputOptions): Promise<InputUnderTest>;
  openOutput(bcm: number): Promise<OutputUnderTest>;
}
type Later<Method extends (...args: never[]) => unknown> = (
  ...args: Parameters<Method>
) => ReturnType<Method> | Promise<Awaited<ReturnType<Method>>>;
interface InputUnderTest {
  read: InputLine['read'];
  watch: Later<(...args: Parameters<InputLine['watch']>) => () => void | Promise<void>>;
  close: InputLine['close'];
}
interface OutputUnderTest {
  write: Later<OutputLine['write']>;
  close: OutputLine['close'];
}

/** A chip whose outside the contract can touch. */
export interface GpioBench {
  readonly gpio: GpioUnderTest | Gpio;
  setLevel(bcm: number, level: Level): void | Promise<void>;
  /** The voltage on a pin. */
  levelOf(bcm: number): number | Promise<number>;
  /** Another program takes the pin. */
  occupy(bcm: number): void | Promise<void>;
  breakLine(bcm: number): void | Promise<void>;
  repairLine(bcm: number): void | Promise<void>;
  stop(): void | Promise<void>;
}

/** The other process has to be heard; on a busy machine that takes its time. */
const patience = { timeout: 10_000, interval: 1 };
const unavailable = { code: 'GPIO_UNAVAILABLE' };

/** What `Gpio` promises. */
export function gpioContract(kind: string, open: () => GpioBench | Promise<GpioBench>): void {
  describe(`${kind} GPIO`, () => {
    let bench: GpioBench;
    beforeEach(async () => {
      bench = await open();
    });
    afterEach(() => bench.stop());

    it('reads the level of an input', async () => {
      const line = await bench.gpio.openInput(17);
      expect(await line.read()).toBe(0);
      await bench.setLevel(17, 1);
      expect(await line.read()).toBe(1);
    });

    it('turns the levels of an active-low input round', async () => {
      const line = await bench.gpio.openInput(17, { activeLow: true });
      expect(await line.read()).toBe(1);
      await bench.setLevel(17, 1);
      expect(await line.read()).toBe(0);
    });

    it('tells a watcher of both edges, with the level', async () => {
      const levels = await watchLevels(await bench.gpio.openInput(17));
      await bench.setLevel(17, 1);
      await vi.waitUntil(() => levels.length === 1, patience);
      await bench.setLevel(17, 0);
      await vi.waitUntil(() => levels.length === 2, patience);
      expect(levels).toEqual([1, 0]);
    });

    it('tells nothing more once the watch has ended', async () => {
      const line = await bench.gpio.openInput(17);
      const levels: Level[] = [];
      const unwatch = await line.watch((level) => levels.push(level), throwFault);
      await unwatch();
      await bench.setLevel(17, 1);
      expect(await line.read()).toBe(1);
      expect(levels).toEqual([]);
    });

    it('keeps the pins apart', async () => {
      const levels = await watchLevels(await bench.gpio.openInput(17));
      const other = await watchLevels(await bench.gpio.openInput(27));
      await bench.setLevel(27, 1);
      await vi.waitUntil(() => other.length === 1, patience);
      expect(levels).toEqual([]);
    });

    it('drives an output, low at first', async () => {
      const line = await bench.gpio.openOutput(23);
      expect(await bench.levelOf(23)).toBe(0);
      await line.write(1);
      expect(await bench.levelOf(23)).toBe(1);
    });

    it('leaves an output low', async () => {
      const line = await bench.gpio.openOutput(23);
      await line.write(1);
      await line.close();
      expect(await bench.levelOf(23)).toBe(0);
    });

    it('refuses a pin that is open already', async () => {
      await bench.gpio.openInput(17);
      await expect(bench.gpio.openOutput(17)).rejects.toMatchObject(unavailable);
    });

    it('opens a pin again after it was closed, for another use too', async () => {
      const input = await bench.gpio.openInput(17, { activeLow: true });
      await watchLevels(input);
      await input.close();
      const output = await bench.gpio.openOutput(17);
      await output.write(1);
      expect(await bench.levelOf(17)).toBe(1);
    });

    it('closes twice as it does once', async () => {
      const line = await bench.gpio.openInput(17);
      await line.close();
      await line.close();
      await expect(line.read()).rejects.toMatchObject(unavailable);
    });

    it('refuses a pin that another program holds, and names it', async () => {
      await bench.occupy(17);
      const opening = bench.gpio.openInput(17);
      await expect(opening).rejects.toMatchObject({
        ...unavailable,
        message: expect.stringMatching(/BCM 17.*another program/s),
      });
    });

    it('refuses a pin that the chip does not have, and tells which it has', async () => {
      await expect(bench.gpio.openInput(99)).rejects.toMatchObject({
        ...unavailable,
        message: expect.stringMatching(/BCM 99.*BCM 0 to 57/s),
      });
    });

    it('tells once that a watch has died, and refuses to read the line', async () => {
      const line = await bench.gpio.openInput(17);
      const faults: Error[] = [];
      await line.watch(
        () => {},
        (err) => faults.push(err),
      );
      await bench.breakLine(17);
      await vi.waitUntil(() => faults.length > 0, patience);
      await expect(line.read()).rejects.toMatchObject(unavailable);
      expect(faults.map(({ message }) => message)).toEqual([expect.stringContaining('BCM 17')]);
    });

    it('refuses to write a line that has died', async () => {
      const line = await bench.gpio.openOutput(23);
      await bench.breakLine(23);
      await expect((async () => line.write(1))()).rejects.toMatchObject(unavailable);
    });

    it('opens a line again that had died', async () => {
      const line = await bench.gpio.openInput(17);
      await bench.breakLine(17);
      await line.close();
      await bench.repairLine(17);
      const again = await bench.gpio.openInput(17);
      expect(await again.read()).toBe(0);
    });
  });
}

async function watchLevels(line: InputUnderTest | InputLine): Promise<Level[]> {
  const levels: Level[] = [];
  await line.watch((level) => levels.push(level), throwFault);
  return levels;
}

function throwFault(err: Error): never {
  throw err;
}
