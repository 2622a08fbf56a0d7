import type { Duplex } from 'node:stream';
import { BrambleError, messageOf } from '../../support/errors.ts';
import { tooLarge } from '../call/deadline.ts';
import { type Frame, FrameDecoder } from './frame.ts';
import type { FramedRequest } from './framed-job.ts';

/** Up to here head and body are sent in one piece: one system call instead of two. */
const smallBytes = 16_384;

interface Waiting {
  resolve(frame: Frame): void;
  reject(err: BrambleError): void;
}

/** The socket to one worker: a request, its answer, the next request. */
export class FramedChannel {
  readonly #socket: Duplex;
  readonly #functionName: string;
  readonly #decoder: FrameDecoder;
  readonly #maxAnswerBytes: number;
  #waiting: Waiting | undefined;
  #broken: BrambleError | undefined;

  constructor(
    socket: Duplex,
    { functionName, maxAnswerBytes }: { functionName: string; maxAnswerBytes: number },
  ) {
    this.#socket = socket;
    this.#functionName = functionName;
    this.#maxAnswerBytes = maxAnswerBytes;
    this.#decoder = new FrameDecoder(maxAnswerBytes);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => {}); // the process is gone, which its exit tells better
  }

  /** What the worker says first, when it can take requests. */
  ready(): Promise<Frame> {
    return this.#next();
  }

  /** One at a time. Rejects BODY_TOO_LARGE, or FUNCTION_FAILED for an answer that is no frame; both break the channel. */
  exchange({ head, body }: FramedRequest): Promise<Frame> {
    const answer = this.#next();
    if (head.length + body.byteLength <= smallBytes) {
      this.#socket.write(body.byteLength === 0 ? head : Buffer.concat([head, body]));
    } else {
      this.#socket.write(head);
      this.#socket.write(body);
    }
    return answer;
  }

  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  /** Rejects what is waited for, now and later. */
  break(err: BrambleError): void {
    this.#broken ??= err;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(this.#broken);
  }

  #next(): Promise<Frame> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  #receive(chunk: Buffer): void {
    if (this.#broken !== undefined) return;
    try {
      for (const frame of this.#decoder.push(chunk)) {
        const waiting = this.#waiting;
        this.#waiting = undefined;
        waiting?.resolve(frame);
      }
    } catch (err) {
      this.break(this.#translate(err));
    }
  }

  #translate(err: unknown): BrambleError {
    if (err instanceof RangeError)
      return tooLarge(`the answer of function "${this.#functionName}"`, this.#maxAnswerBytes);
    return new BrambleError(
      'FUNCTION_FAILED',
      `the worker of function "${this.#functionName}" wrote something that is no answer to its descriptor 3: ${messageOf(err)}`,
      { cause: err },
    );
  }
}
