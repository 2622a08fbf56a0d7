import { constants } from 'node:os';

/** A system call's refusal. */
export class KernelError extends Error {
  readonly errno: number;

  constructor(code: keyof typeof constants.errno) {
    super(code);
    this.errno = constants.errno[code];
  }
}
