import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Gpio as OnoffLine } from 'onoff';
import { messageOf } from '../src/support/errors.ts';
import type { Gpio, InputLine, InputOptions, Level, OutputLine } from './gpio.ts';
import { describeChips, findHeaderChip, gpioRoot, listChips } from './gpio-chip.ts';
import { gpioFault, gpioUnavailable, type PinPlace } from './gpio-fault.ts';

export interface SysfsGpioOptions {
  /** The kernel's number for BCM 0; found by the chip's label unless told. */
  readonly base?: number | undefined;
}

/** A pin that is open: where it is, onoff's object for it, and how the chip learns that it is free again. */
interface OpenPin {
  readonly place: PinPlace;
  readonly line: OnoffLine;
  readonly onClose: () => void;
}

/**
 * Pins through the kernel's sysfs class, by onoff: the one way to a pin that a Swarm service has, since it is given
 * neither devices nor privileges but may bind `/sys`. onoff is loaded with the first pin, for it runs on Linux only.
 */
export class SysfsGpio implements Gpio {
  readonly #base: number | undefined;
  readonly #inUse = new Set<number>();

  constructor({ base }: SysfsGpioOptions = {}) {
    this.#base = base;
  }

  async openInput(bcm: number, { activeLow = false }: InputOptions = {}): Promise<InputLine> {
    return new SysfsInput(await this.#open(bcm, (Line, line) => new Line(line, 'in', 'both', { activeLow })));
  }

  async openOutput(bcm: number): Promise<OutputLine> {
    const options = { activeLow: false };
    return new SysfsOutput(await this.#open(bcm, (Line, line) => new Line(line, 'low', 'none', options)));
  }

  async #open(bcm: number, construct: (Line: typeof OnoffLine, line: number) => OnoffLine): Promise<OpenPin> {
    if (this.#inUse.has(bcm)) throw gpioUnavailable(`open BCM ${bcm}`, 'this program has it open already');
    this.#inUse.add(bcm);
    try {
      const place = await locate(bcm, this.#base);
      const line = await acquire(place, construct);
      return { place, line, onClose: () => this.#inUse.delete(bcm) };
    } catch (err) {
      this.#inUse.delete(bcm);
      throw err;
    }
  }
}

class SysfsInput implements InputLine {
  readonly bcm: number;
  readonly #pin: OpenPin;
  readonly #faultListeners = new Set<(err: Error) => void>();
  #isClosed = false;

  constructor(pin: OpenPin) {
    this.bcm = pin.place.bcm;
    this.#pin = pin;
    this.#guardPolling(pin.line);
  }

  async read(): Promise<Level> {
    if (this.#isClosed) throw closed('read', this.bcm);
    try {
      return await this.#pin.line.read();
    } catch (cause) {
      throw gpioFault('read', this.#pin.place, cause);
    }
  }

  watch(listener: (level: Level) => void, onFault: (err: Error) => void): () => void {
    if (this.#isClosed) throw closed('watch', this.bcm);
    const { line, place } = this.#pin;
    const report = (_: unknown, level: Level) => listener(level);
    const reportFault = (err: Error) => onFault(err);
    try {
      line.watch(report);
    } catch (cause) {
      throw gpioFault('watch', place, cause);
    }
    this.#faultListeners.add(reportFault);
    return () => {
      if (this.#faultListeners.delete(reportFault)) line.unwatch(report);
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#faultListeners.clear();
    giveBack(this.#pin);
  }

  /**
   * onoff's poll handler begins with `readSync`, outside of any callback of ours: a line that dies would end the
   * process there. Now it ends the watch, and at once, since epoll reports a dead line again and again.
   */
  #guardPolling(line: OnoffLine): void {
    const readSync = line.readSync.bind(line);
    line.readSync = () => {
      try {
        return readSync();
      } catch (cause) {
        this.#endWatches(cause);
        return 0;
      }
    };
  }

  #endWatches(cause: unknown): void {
    const { line, place } = this.#pin;
    line.unwatchAll();
    const listeners = [...this.#faultListeners];
    this.#faultListeners.clear();
    for (const onFault of listeners) onFault(gpioFault('watch', place, cause));
  }
}

class SysfsOutput implements OutputLine {
  readonly bcm: number;
  readonly #pin: OpenPin;
  #isClosed = false;

  constructor(pin: OpenPin) {
    this.bcm = pin.place.bcm;
    this.#pin = pin;
  }

  write(level: Level): void {
    if (this.#isClosed) throw closed('write', this.bcm);
    try {
      this.#pin.line.writeSync(level);
    } catch (cause) {
      throw gpioFault('write', this.#pin.place, cause);
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    try {
      this.write(0);
    } finally {
      this.#isClosed = true;
      giveBack(this.#pin);
    }
  }
}

async function locate(bcm: number, base: number | undefined): Promise<PinPlace> {
  try {
    const chips = await listChips(gpioRoot);
    const chip = findHeaderChip(chips, base);
    if (bcm < chip.lines) return { bcm, line: chip.base + bcm, chips: describeChips(chips) };
    throw new RangeError(`${chip.name} has BCM 0 to ${chip.lines - 1} (chips: ${describeChips(chips)})`);
  } catch (cause) {
    throw gpioUnavailable(`open BCM ${bcm}`, messageOf(cause), cause);
  }
}

async function acquire(
  place: PinPlace,
  construct: (Line: typeof OnoffLine, line: number) => OnoffLine,
): Promise<OnoffLine> {
  const Line = await loadOnoff(place.bcm);
  try {
    await unexport(place.line);
    return construct(Line, place.line);
  } catch (cause) {
    await unexport(place.line).catch(() => {}); // half configured; the first failure is the one to report
    throw gpioFault('open', place, cause);
  }
}

async function loadOnoff(bcm: number): Promise<typeof OnoffLine> {
  try {
    const { Gpio: Line } = await import('onoff');
    return Line;
  } catch (cause) {
    const advice = 'npm builds it on Linux with make, g++ and python3: npm install --include=optional';
    throw gpioUnavailable(
      `open BCM ${bcm}`,
      `the package onoff does not load (${messageOf(cause)}); ${advice}`,
      cause,
    );
  }
}

/**
 * Gives a line back that is exported, as a killed program leaves it. onoff would take it as it is and swallow what goes
 * wrong on the way; on a line that it exports itself, it reports.
 */
async function unexport(line: number): Promise<void> {
  const isExported = await access(join(gpioRoot, `gpio${line}`)).then(
    () => true,
    () => false,
  );
  if (isExported) await writeFile(join(gpioRoot, 'unexport'), String(line));
}

function giveBack({ line, onClose }: OpenPin): void {
  line.unexport();
  onClose();
}

/** Never let such a call through: the number of a closed file may belong to another file by now. */
function closed(verb: string, bcm: number): Error {
  return gpioUnavailable(`${verb} BCM ${bcm}`, 'it is closed');
}
