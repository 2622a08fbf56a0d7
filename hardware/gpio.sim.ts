import type { Gpio, InputLine, InputOptions, Level, OutputLine } from './gpio.ts';
import { gpioUnavailable } from './gpio-fault.ts';

/** As many as a Pi 4's chip has; BCM 0 to 27 are on the header. */
const lineCount = 58;

interface Watcher {
  readonly listener: (level: Level) => void;
  readonly onFault: (err: Error) => void;
}

interface Pin {
  readonly bcm: number;
  /** The voltage, whatever `activeLow` makes of it. */
  level: Level;
  holder: 'nobody' | 'input' | 'output' | 'another program';
  activeLow: boolean;
  isBroken: boolean;
  readonly watchers: Set<Watcher>;
}

/** A chip without a Pi: a test, a key or a request moves the pins. It obeys and refuses as the real one does. */
export class SimGpio implements Gpio {
  readonly #pins: readonly Pin[] = Array.from({ length: lineCount }, (_, bcm) => newPin(bcm));
  #isMissing = false;

  /** Drives a pin from outside, whether an input is open on it or not. */
  setLevel(bcm: number, level: Level): void {
    const pin = this.#pin(bcm);
    if (pin.holder === 'output') throw unavailable(bcm, 'move', 'it is an output, which its program drives');
    if (pin.level === level) return;
    pin.level = level;
    for (const { listener } of [...pin.watchers]) listener(levelSeen(pin));
  }

  /** The voltage on a pin. */
  levelOf(bcm: number): Level {
    return this.#pin(bcm).level;
  }

  isOpen(bcm: number): boolean {
    const { holder } = this.#pin(bcm);
    return holder === 'input' || holder === 'output';
  }

  /** Another program takes a free pin. */
  occupy(bcm: number): void {
    this.#pin(bcm).holder = 'another program';
  }

  /** From now on the line fails, also where it is open: its watches die, reads and writes fail. */
  breakLine(bcm: number): void {
    const pin = this.#pin(bcm);
    pin.isBroken = true;
    const watchers = [...pin.watchers];
    pin.watchers.clear();
    for (const { onFault } of watchers) onFault(unavailable(bcm, 'watch', 'the line broke'));
  }

  repairLine(bcm: number): void {
    this.#pin(bcm).isBroken = false;
  }

  /** The chip cannot be found any more, or again. Lines that are open stay so. */
  setMissing(isMissing: boolean): void {
    this.#isMissing = isMissing;
  }

  async openInput(bcm: number, { activeLow = false }: InputOptions = {}): Promise<InputLine> {
    const { pin, requireUsable, close } = this.#open(bcm, 'input');
    pin.activeLow = activeLow;
    return {
      bcm,
      read: async () => {
        requireUsable('read');
        return levelSeen(pin);
      },
      watch: (listener, onFault) => {
        requireUsable('watch');
        const watcher = { listener, onFault };
        pin.watchers.add(watcher);
        return () => pin.watchers.delete(watcher);
      },
      close,
    };
  }

  async openOutput(bcm: number): Promise<OutputLine> {
    const { pin, requireUsable, close } = this.#open(bcm, 'output');
    pin.level = 0;
    return {
      bcm,
      write: (level) => {
        requireUsable('write');
        pin.level = level;
      },
      close,
    };
  }

  #open(bcm: number, use: 'input' | 'output') {
    const action = `open as ${use}`;
    if (this.#isMissing) throw unavailable(bcm, action, 'the simulated chip is missing');
    const pin = this.#pin(bcm);
    if (pin.isBroken) throw unavailable(bcm, action, 'the line broke');
    if (pin.holder !== 'nobody') throw unavailable(bcm, action, `busy: ${describeHolder(pin)} holds it`);
    pin.holder = use;
    let isOpen = true;
    return {
      pin,
      requireUsable: (what: string) => {
        if (!isOpen) throw unavailable(bcm, what, 'it is closed');
        if (pin.isBroken) throw unavailable(bcm, what, 'the line broke');
      },
      close: async () => {
        if (!isOpen) return;
        isOpen = false;
        release(pin);
      },
    };
  }

  #pin(bcm: number): Pin {
    const pin = this.#pins[bcm];
    if (pin === undefined) throw unavailable(bcm, 'use', `the simulated chip has BCM 0 to ${lineCount - 1}`);
    return pin;
  }
}

function newPin(bcm: number): Pin {
  return { bcm, level: 0, holder: 'nobody', activeLow: false, isBroken: false, watchers: new Set() };
}

function release(pin: Pin): void {
  if (pin.holder === 'output') pin.level = 0;
  pin.holder = 'nobody';
  pin.activeLow = false;
  pin.watchers.clear();
}

function levelSeen({ level, activeLow }: Pin): Level {
  return (level === 1) === activeLow ? 0 : 1;
}

function describeHolder({ holder }: Pin): string {
  return holder === 'another program' ? holder : `an ${holder} of this program`;
}

function unavailable(bcm: number, verb: string, reason: string): Error {
  return gpioUnavailable(`${verb} simulated BCM ${bcm}`, reason);
}
