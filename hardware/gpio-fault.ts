import { BrambleError, messageOf, systemCode } from '../src/support/errors.ts';

/** What the kernel's answers mean for a pin, and what to do. */
const advices: Record<string, string> = {
  EACCES:
    'not permitted; run as root or as a member of the group gpio, in a container with /sys bound writable and not confined by AppArmor',
  EPERM:
    'not permitted; run as root or as a member of the group gpio, in a container with /sys bound writable',
  EROFS: '/sys is read-only; bind it writable into the container',
  EBUSY: 'another program or a driver holds it; stop that program, or take its dtoverlay out of config.txt',
  EINVAL: 'the kernel has no such line; set hardware.gpioBase to the first line of the header’s chip',
  EIO: 'the line refuses; another program may have configured it, or the chip failed',
  ENOENT: 'its files are gone; another program may have given the pin back',
  ENODEV: 'the chip is gone',
  ENOTCONN: 'the chip is gone',
};

/** Where a pin was found: for messages. */
export interface PinPlace {
  readonly bcm: number;
  /** The kernel's number for it. */
  readonly line: number;
  /** The chips found, in words. */
  readonly chips: string;
}

export function gpioUnavailable(action: string, reason: string, cause?: unknown): BrambleError {
  return new BrambleError('GPIO_UNAVAILABLE', `cannot ${action}: ${reason}`, { cause });
}

/** A failed system call on a pin as an error that names the pin, the chips and what to do. */
export function gpioFault(verb: string, { bcm, line, chips }: PinPlace, cause: unknown): BrambleError {
  const code = systemCode(cause) ?? messageOf(cause);
  const advice = advices[code] ?? 'see the kernel log (dmesg)';
  return gpioUnavailable(`${verb} BCM ${bcm}, line ${line}`, `${code}: ${advice} (chips: ${chips})`, cause);
}
