import { KernelError } from './kernel-error.ts';

export type Edge = 'none' | 'rising' | 'falling' | 'both';

export interface LineState {
  readonly isExported: boolean;
  readonly direction: 'in' | 'out';
  readonly edge: Edge;
  /** The voltage. */
  readonly level: number;
}

/** One line, with the rules and refusals of the kernel's sysfs interface. */
export class EmulatedLine {
  isExported = false;
  /** Claimed by a driver or through the character device. */
  isOccupied = false;
  isBroken = false;
  direction: 'in' | 'out' = 'in';
  edge: Edge = 'none';
  activeLow = 0;
  /** Interrupts so far. A reader that has seen fewer has something to read. */
  interrupts = 0;
  readonly #onRise: () => void;
  readonly #wakeups = new Set<() => void>();
  #driven = 0;
  #outside = 0;

  constructor(onRise: () => void) {
    this.#onRise = onRise;
  }

  get level(): number {
    return this.direction === 'in' ? this.#outside : this.#driven;
  }

  get state(): LineState {
    const { isExported, direction, edge, level } = this;
    return { isExported, direction, edge, level };
  }

  /** Calls `wake` at each interrupt and when the line breaks. */
  onInterrupt(wake: () => void): () => void {
    this.#wakeups.add(wake);
    return () => this.#wakeups.delete(wake);
  }

  setOutside(level: number): void {
    const before = this.level;
    this.#outside = level;
    if (this.level === before) return;
    const isRising = (level ^ this.activeLow) === 1;
    if (this.edge === 'both' || this.edge === (isRising ? 'rising' : 'falling')) this.#interrupt();
  }

  breakDown(): void {
    this.isBroken = true;
    this.#interrupt();
  }

  export(): void {
    if (this.isExported || this.isOccupied) throw new KernelError('EBUSY');
    this.isExported = true;
  }

  /** A freed line becomes an input again, as on a Pi. */
  unexport(): void {
    if (!this.isExported) throw new KernelError('EINVAL');
    Object.assign(this, { isExported: false, direction: 'in', edge: 'none', activeLow: 0 });
  }

  readValue(): number {
    if (this.isBroken) throw new KernelError('EIO');
    return this.level ^ this.activeLow;
  }

  writeValue(text: string): void {
    if (this.isBroken) throw new KernelError('EIO');
    if (this.direction === 'in') throw new KernelError('EPERM');
    this.#drive(parseNumber(text) === 0 ? this.activeLow : 1 - this.activeLow);
  }

  writeDirection(text: string): void {
    if (!['in', 'out', 'low', 'high'].includes(text)) throw new KernelError('EINVAL');
    if (text !== 'in' && this.edge !== 'none') throw new KernelError('EIO');
    this.direction = text === 'in' ? 'in' : 'out';
    if (this.direction === 'out') this.#drive(text === 'high' ? 1 : 0);
  }

  writeEdge(text: string): void {
    const edge = (['none', 'rising', 'falling', 'both'] as const).find((one) => one === text);
    if (edge === undefined) throw new KernelError('EINVAL');
    if (this.direction !== 'in') throw new KernelError('EIO');
    this.edge = edge;
  }

  writeActiveLow(text: string): void {
    this.activeLow = parseNumber(text) === 0 ? 0 : 1;
  }

  #drive(level: number): void {
    const before = this.#driven;
    this.#driven = level;
    if (before === 0 && level === 1) this.#onRise();
  }

  #interrupt(): void {
    this.interrupts += 1;
    for (const wake of [...this.#wakeups]) wake();
  }
}

export interface ChipOptions {
  readonly base: number;
  readonly label: string;
  readonly lineCount: number;
}

/** A controller: a row of lines with consecutive numbers. */
export class EmulatedChip {
  readonly base: number;
  readonly label: string;
  readonly lines: readonly EmulatedLine[];

  /** `onRise` hears of each output that goes from low to high. */
  constructor({ base, label, lineCount }: ChipOptions, onRise: (offset: number) => void) {
    this.base = base;
    this.label = label;
    this.lines = Array.from({ length: lineCount }, (_, offset) => new EmulatedLine(() => onRise(offset)));
  }

  /** By offset, which is the BCM number. */
  line(offset: number): EmulatedLine {
    const line = this.lines[offset];
    if (line === undefined) throw new KernelError('EINVAL');
    return line;
  }

  /** By the kernel's number, as text. */
  numbered(text: string): EmulatedLine {
    return this.line(parseNumber(text) - this.base);
  }
}

function parseNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new KernelError('EINVAL');
  return Number(text);
}
