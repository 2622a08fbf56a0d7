import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BrambleError, systemCode } from '../src/support/errors.ts';

/** One controller of the kernel's GPIO class. */
export interface GpioChip {
  /** `gpiochip512` */
  readonly name: string;
  /** What its driver calls it: `pinctrl-bcm2711`. */
  readonly label: string;
  /** The kernel's number for its first line. Differs between kernels and models: 0, 458, 512, 571, … */
  readonly base: number;
  readonly lines: number;
}

/** The kernel's GPIO class. onoff looks nowhere else. */
export const gpioRoot = '/sys/class/gpio';

/** The controllers of the 40-pin header: Pi 0 to 3, Pi 4, Pi 5. Others (`raspberrypi-exp-gpio`, …) serve the board. */
const headerLabels = new Set(['pinctrl-bcm2835', 'pinctrl-bcm2711', 'pinctrl-rp1']);
/** BCM 0 to 27 are on the header, so a chip with fewer lines is not its controller. */
const headerLines = 28;

/** The chips below `root`, lowest base first. Rejects with GPIO_UNAVAILABLE where the kernel offers none. */
export async function listChips(root: string): Promise<GpioChip[]> {
  const names = (await readRoot(root)).filter((name) => name.startsWith('gpiochip'));
  const chips = await Promise.all(names.map((name) => loadChip(root, name)));
  return chips.filter((chip) => chip !== undefined).sort((a, b) => a.base - b.base);
}

/**
 * The chip whose line n is BCM n: the one that starts at `base` if that is given, else the one with a known label, else
 * the only one with lines enough. Throws GPIO_UNAVAILABLE with the list of chips.
 */
export function findHeaderChip(chips: readonly GpioChip[], base?: number): GpioChip {
  const chip = base === undefined ? guessHeaderChip(chips) : chips.find((one) => one.base === base);
  if (chip !== undefined) return chip;
  const reason =
    base === undefined
      ? 'none is known to drive the header; set hardware.gpioBase to the first line of the one that does'
      : `none starts at line ${base}; correct hardware.gpioBase or leave it out`;
  throw new BrambleError('GPIO_UNAVAILABLE', `of the GPIO chips (${describeChips(chips)}) ${reason}`);
}

export function describeChips(chips: readonly GpioChip[]): string {
  if (chips.length === 0) return 'none found';
  return chips
    .map(({ name, label, base, lines }) => `${name} ${label} with lines ${base} to ${base + lines - 1}`)
    .join(', ');
}

function guessHeaderChip(chips: readonly GpioChip[]): GpioChip | undefined {
  const known = chips.find(({ label }) => headerLabels.has(label));
  const large = chips.filter(({ lines }) => lines >= headerLines);
  return known ?? (large.length === 1 ? large[0] : undefined);
}

async function readRoot(root: string): Promise<string[]> {
  try {
    return await readdir(root);
  } catch (cause) {
    const reason =
      systemCode(cause) === 'ENOENT'
        ? 'it does not exist: this is no Pi, or its kernel lacks CONFIG_GPIO_SYSFS, or a container lacks the bind of /sys'
        : `it cannot be read (${systemCode(cause)})`;
    const advice = 'set hardware.kind to simulated to run without pins';
    throw new BrambleError('GPIO_UNAVAILABLE', `no GPIO chips in ${root}: ${reason}; ${advice}`, { cause });
  }
}

/** `undefined` for a chip that went away meanwhile. */
async function loadChip(root: string, name: string): Promise<GpioChip | undefined> {
  const load = async (file: string) => (await readFile(join(root, name, file), 'utf8')).trim();
  try {
    const [label, base, lines] = await Promise.all([load('label'), load('base'), load('ngpio')]);
    return { name, label, base: Number(base), lines: Number(lines) };
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT' || systemCode(cause) === 'ENODEV') return undefined;
    throw new BrambleError('GPIO_UNAVAILABLE', `cannot read the GPIO chip ${join(root, name)}`, { cause });
  }
}
