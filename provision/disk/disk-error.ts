import { BrambleError, type ErrorCode, messageOf, systemCode } from '../../src/support/errors.ts';

interface Advice {
  readonly code: ErrorCode;
  readonly why: string;
}

const isGone: Advice = { code: 'DISK_FAILED', why: 'it is gone; plug it in again and start over' };
const isProtected: Advice = {
  code: 'DISK_REFUSED',
  why: 'it is write-protected; slide the lock at the edge of the card or its adapter',
};
const hasNoRoom: Advice = {
  code: 'DISK_FULL',
  why: 'no room is left there; make some, or write elsewhere',
};

const known: Readonly<Record<string, Advice>> = {
  ENOSPC: hasNoRoom,
  EDQUOT: hasNoRoom,
  EFBIG: {
    code: 'DISK_FULL',
    why: 'the file system there cannot hold so large a file (FAT ends at 4 GB); write elsewhere',
  },
  EIO: { code: 'DISK_FAILED', why: 'the card or its reader failed; try another reader, then another card' },
  ENXIO: isGone,
  ENODEV: isGone,
  ENOMEDIUM: isGone,
  ESTALE: isGone,
  EROFS: isProtected,
};

/** Translates what Node.js throws when a disk or file is read or written. `where`: `at byte 4096`. */
export function toDiskError(thrown: unknown, doing: string, name: string, where = ''): BrambleError {
  if (thrown instanceof BrambleError) return thrown;
  const system = systemCode(thrown);
  const { code, why } = known[system ?? ''] ?? { code: 'DISK_FAILED', why: messageOf(thrown) };
  const what = `${doing} ${name}${where === '' ? '' : ` ${where}`}`;
  const origin = system === undefined || why.includes(system) ? '' : ` (${system})`;
  return new BrambleError(code, `cannot ${what}: ${why}${origin}`, { cause: thrown });
}
