/**
 * The one table of what can go wrong: code → HTTP status, exit status, and whether trying again can help.
 * `docs/ERRORS.md` is generated from it.
 */
export const errorTable = {
  INVALID: { status: 400, exit: 2, retryable: false, meaning: 'input does not fit its schema' },
  CONFIG_INVALID: { status: 500, exit: 2, retryable: false, meaning: 'the configuration cannot be used' },
  UNAUTHORIZED: { status: 401, exit: 3, retryable: false, meaning: 'user or password missing or wrong' },
  NOT_FOUND: { status: 404, exit: 4, retryable: false, meaning: 'the thing named does not exist' },
  FUNCTION_NOT_FOUND: {
    status: 404,
    exit: 4,
    retryable: false,
    meaning: 'no function of that name is deployed',
  },
  FUNCTION_EXISTS: {
    status: 400,
    exit: 5,
    retryable: false,
    meaning: 'a function of that name is deployed already',
  },
  SECRET_EXISTS: { status: 409, exit: 5, retryable: false, meaning: 'a secret of that name exists already' },
  CONFLICT: { status: 409, exit: 5, retryable: false, meaning: 'the request does not fit the present state' },
  BODY_TOO_LARGE: {
    status: 413,
    exit: 2,
    retryable: false,
    meaning: 'a request or answer is over its limit',
  },
  BUSY: {
    status: 429,
    exit: 6,
    retryable: true,
    meaning: 'a limit of requests in flight or of a queue is reached',
  },
  FUNCTION_FAILED: { status: 500, exit: 7, retryable: true, meaning: 'the function ended with an error' },
  FUNCTION_UNREADY: {
    status: 503,
    exit: 7,
    retryable: true,
    meaning: 'no replica of the function can take a request now',
  },
  FUNCTION_TIMEOUT: {
    status: 504,
    exit: 7,
    retryable: true,
    meaning: 'the function did not answer within its time',
  },
  BUS_OFFLINE: { status: 503, exit: 8, retryable: true, meaning: 'the MQTT broker cannot be reached' },
  BUS_REFUSED: { status: 502, exit: 8, retryable: false, meaning: 'the MQTT broker refused us' },
  STORE_FULL: { status: 507, exit: 9, retryable: true, meaning: 'the disk of the data folder is full' },
  STORE_BROKEN: {
    status: 500,
    exit: 9,
    retryable: false,
    meaning: 'the data folder cannot be read or written',
  },
  PORT_TAKEN: { status: 500, exit: 10, retryable: false, meaning: 'another program listens on the port' },
  GPIO_UNAVAILABLE: { status: 503, exit: 11, retryable: false, meaning: 'no usable GPIO chip or pin' },
  SENSOR_FAULT: {
    status: 503,
    exit: 11,
    retryable: true,
    meaning: 'a sensor gave no or an impossible reading',
  },
  UNREACHABLE: { status: 502, exit: 8, retryable: true, meaning: 'a host or service does not answer' },
  CONTROL_OFFLINE: {
    status: 503,
    exit: 8,
    retryable: true,
    meaning: 'no manager of the Swarm can be reached; only changes need one',
  },
  IMAGE_BROKEN: {
    status: 500,
    exit: 12,
    retryable: false,
    meaning: 'an image is truncated, corrupt, or not the one that its checksum promised',
  },
  DISK_REFUSED: {
    status: 500,
    exit: 13,
    retryable: false,
    meaning: 'a disk is not one that may be written: in use, not removable, too small or too large',
  },
  DISK_FULL: { status: 507, exit: 13, retryable: false, meaning: 'a disk or partition has no room left' },
  DISK_FAILED: {
    status: 500,
    exit: 13,
    retryable: false,
    meaning: 'a disk could not be written, or does not give back what was written',
  },
  REMOTE_FAILED: {
    status: 502,
    exit: 14,
    retryable: false,
    meaning: 'a command on another machine ended with an error',
  },
  HOST_KEY_UNKNOWN: {
    status: 500,
    exit: 14,
    retryable: false,
    meaning: 'the SSH key of a host was not confirmed yet',
  },
  HOST_KEY_CHANGED: {
    status: 500,
    exit: 14,
    retryable: false,
    meaning: 'a host shows another SSH key than the one that is known',
  },
  UNSUPPORTED: {
    status: 501,
    exit: 2,
    retryable: false,
    meaning: 'not available on this runtime or machine',
  },
  CANCELLED: {
    status: 499,
    exit: 130,
    retryable: false,
    meaning: 'the caller gave up or the agent is stopping',
  },
  INTERNAL: { status: 500, exit: 1, retryable: false, meaning: 'a defect in Bramble' },
} as const satisfies Record<string, { status: number; exit: number; retryable: boolean; meaning: string }>;

export type ErrorCode = keyof typeof errorTable;

/** One problem found in an input: a path such as `motion.debounceMs`, and a sentence. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

export class BrambleError extends Error {
  readonly code: ErrorCode;
  readonly problems: readonly Problem[];

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; problems?: readonly Problem[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'BrambleError';
    this.code = code;
    this.problems = options.problems ?? [];
  }

  get status(): number {
    return errorTable[this.code].status;
  }

  get exit(): number {
    return errorTable[this.code].exit;
  }

  get isRetryable(): boolean {
    return errorTable[this.code].retryable;
  }
}

/** Any thrown thing as a BrambleError; what we did not foresee is INTERNAL and keeps its cause. */
export function toBrambleError(thrown: unknown): BrambleError {
  if (thrown instanceof BrambleError) return thrown;
  return new BrambleError('INTERNAL', messageOf(thrown), { cause: thrown });
}

export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The `code` of a Node.js system error (`ENOENT`, `EADDRINUSE`, …), if it has one. */
export function systemCode(thrown: unknown): string | undefined {
  if (thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string') return thrown.code;
  return undefined;
}
