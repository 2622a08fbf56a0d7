import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { systemCode } from '../../src/support/errors.ts';

/** Calls by name over a child's standard input and output, one JSON object a line. Arguments are numbers. */
export type Handlers = Readonly<Record<string, (...args: number[]) => unknown>>;

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly code?: string };
  readonly event?: string;
  readonly args?: readonly unknown[];
}

/** In the child: answers calls one after the other until standard input ends. */
export async function serveLines(handlers: Handlers): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, call, args } = JSON.parse(line) as { id: number; call: string; args: number[] };
    try {
      const handler = handlers[call];
      if (handler === undefined) throw new TypeError(`no call named ${call}`);
      send({ id, result: await handler(...args) });
    } catch (err) {
      const code = systemCode(err);
      send({ id, error: { message: String(err), ...(code === undefined ? {} : { code }) } });
    }
  }
}

/** In the child: tells the parent something that it did not ask for. */
export function emitLine(event: string, ...args: readonly unknown[]): void {
  send({ event, args });
}

function send(answer: Answer): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (err: Error) => void;
}

/** In the parent: calls the child. Every call ends when the child does. */
export class LineClient {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Map<string, (...args: unknown[]) => void>();
  readonly #stderr: string[] = [];
  #lastId = 0;
  #ended: Error | undefined;

  constructor(child: ChildProcess & { stdout: Readable; stderr: Readable }) {
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => this.#receive(JSON.parse(line)));
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#stderr.push(text));
    child.stdin?.on('error', () => {}); // a child that ended; 'close' rejects what waits
    child.on('error', (err) => this.#end(err));
    child.on('close', (exit, signal) => {
      this.#end(new Error(`the child ended with ${signal ?? exit}: ${this.#stderr.join('')}`));
    });
  }

  /** `Result` is what the handler of that name, in our own code, returns. */
  call<Result>(call: string, ...args: readonly number[]): Promise<Result> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    this.#lastId += 1;
    const id = this.#lastId;
    this.#child.stdin?.write(`${JSON.stringify({ id, call, args })}\n`);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: (result) => resolve(result as Result), reject });
    });
  }

  on(event: string, listener: (...args: unknown[]) => void): void {
    this.#listeners.set(event, listener);
  }

  /** Resolves with the arguments of the next such event. */
  next(event: string): Promise<unknown[]> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#lastId += 1;
      const id = this.#lastId;
      this.#waiting.set(id, { resolve: () => {}, reject });
      this.on(event, (...args) => {
        this.#waiting.delete(id);
        this.#listeners.delete(event);
        resolve(args);
      });
    });
  }

  #receive({ id, result, error, event, args = [] }: Answer): void {
    if (event !== undefined) this.#listeners.get(event)?.(...args);
    if (id === undefined) return;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(Object.assign(new Error(error.message), { code: error.code }));
  }

  #end(err: Error): void {
    this.#ended ??= err;
    for (const { reject } of this.#waiting.values()) reject(err);
    this.#waiting.clear();
  }
}
