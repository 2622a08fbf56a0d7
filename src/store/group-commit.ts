import type { Envelope } from '../events/event.ts';
import { BrambleError, toBrambleError } from '../support/errors.ts';
import { type OperationName, type Operations, type Reply, type Request, rowsPerCall } from './operations.ts';
import type {
  DeadLetter,
  Delivery,
  Ending,
  ListedDeadLetter,
  NewDelivery,
  OutboxEntry,
  Store,
  StoredOutboxEntry,
  SweepBounds,
  WaitingPage,
} from './store.ts';

/** Where batches of requests are carried out: in this thread or another. */
export interface Executor {
  /** Resolves when requests can be run. */
  open(signal: AbortSignal): Promise<void>;
  /** All of them in one transaction, in order; resolves to one reply for each once they are on disk. */
  run(requests: readonly Request[]): Promise<readonly Reply[]>;
  close(): Promise<void>;
}

interface Pending {
  readonly request: Request;
  readonly bytes: number;
  readonly resolve: (result: unknown) => void;
  readonly reject: (err: BrambleError) => void;
}

/** Requests waiting at once; a caller over it is refused with BUSY. */
export const maxPending = 50_000;
/** Bytes of event data waiting at once. A Pi Zero has 512 MB for everything. */
const maxPendingBytes = 64 * 1024 * 1024;
/** Requests in one transaction: about 20 ms of work, so that a read is not held up long behind writes. */
const maxBatch = 2_000;

/**
 * The port over an executor, with group commit: what is asked for while one transaction runs goes into the next, so
 * that one fsync carries many callers. Answers come in the order in which the calls were made.
 */
export class GroupCommitStore implements Store {
  readonly name = 'store';
  readonly #executor: Executor;
  #state: 'closed' | 'open' | 'stopping' = 'closed';
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #draining: Promise<void> | undefined;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#executor.open(signal);
    this.#state = 'open';
  }

  /** What was asked for is still carried out; what is asked for from now on is refused. */
  async stop(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'stopping';
    await this.#draining;
    await this.#executor.close();
    this.#state = 'closed';
  }

  accept(event: Envelope, deliveries: readonly NewDelivery[], options: { nowMs: number; dedupeMs: number }) {
    const kept = { ...event, data: compact(event.data) };
    return this.#call('accept', [kept, deliveries, options], event.data.byteLength);
  }

  settle(deliveryId: number, ending: Ending, options: { nowMs: number; publish?: OutboxEntry }) {
    const { nowMs, publish } = options;
    if (publish === undefined) return this.#call('settle', [deliveryId, ending, { nowMs }]);
    const kept = { nowMs, publish: { ...publish, payload: compact(publish.payload) } };
    return this.#call('settle', [deliveryId, ending, kept], publish.payload.byteLength);
  }

  waiting(functionName: string, page: WaitingPage): Promise<readonly Delivery[]> {
    return this.#call('waiting', [functionName, page]);
  }

  depths() {
    return this.#call('depths', []);
  }

  abandon(functionName: string, reason: string, nowMs: number) {
    return inPieces(() => this.#call('abandon', [functionName, reason, nowMs]));
  }

  deadLetters(query: {
    function?: string;
    limit: number;
    beforeId?: number;
  }): Promise<readonly ListedDeadLetter[]> {
    return this.#call('deadLetters', [query]);
  }

  deadLetter(id: number): Promise<DeadLetter | undefined> {
    return this.#call('deadLetter', [id]);
  }

  replay(ids: readonly number[], options: { nowMs: number; ttlMs: number }) {
    return this.#call('replay', [ids, options]);
  }

  purge(query: { ids?: readonly number[]; function?: string }) {
    return inPieces(() => this.#call('purge', [query]));
  }

  putOutbox(entry: OutboxEntry) {
    const kept = { ...entry, payload: compact(entry.payload) };
    return this.#call('putOutbox', [kept], entry.payload.byteLength);
  }

  outbox(query: { limit: number; afterPosition?: number }): Promise<readonly StoredOutboxEntry[]> {
    return this.#call('outbox', [query]);
  }

  removeOutbox(ids: readonly string[]) {
    return this.#call('removeOutbox', [ids]);
  }

  countOutbox() {
    return this.#call('countOutbox', []);
  }

  putDocument(kind: string, key: string, value: unknown) {
    const json = JSON.stringify(value);
    return this.#call('putDocument', [kind, key, json], json.length);
  }

  removeDocument(kind: string, key: string) {
    return this.#call('removeDocument', [kind, key]);
  }

  async documents(kind: string) {
    const found = await this.#call('documents', [kind]);
    return found.map(({ key, json }) => ({ key, value: JSON.parse(json) as unknown }));
  }

  async sweep(bounds: SweepBounds) {
    const total = { deadLetters: 0, outbox: 0 };
    for (let isDone = false; !isDone; ) {
      const swept = await this.#call('sweep', [bounds]);
      total.deadLetters += swept.deadLetters;
      total.outbox += swept.outbox;
      isDone = swept.isDone;
    }
    return total;
  }

  #call<Name extends OperationName>(
    name: Name,
    args: Parameters<Operations[Name]>,
    bytes = 0,
  ): Promise<ReturnType<Operations[Name]>> {
    return new Promise((resolve, reject) => {
      if (this.#state !== 'open') return reject(new BrambleError('CANCELLED', 'the store is closed'));
      const isFull =
        this.#pending.length >= maxPending ||
        (this.#pending.length > 0 && this.#pendingBytes + bytes > maxPendingBytes);
      if (isFull) return reject(new BrambleError('BUSY', 'too much is waiting to be written to disk'));
      const request = { name, args } as Request; // a name beside its own arguments, as the signature demands
      this.#pending.push({ request, bytes, resolve: resolve as (result: unknown) => void, reject });
      this.#pendingBytes += bytes;
      this.#draining ??= this.#drain();
    });
  }

  async #drain(): Promise<void> {
    await Promise.resolve(); // callers of the same turn share the first transaction
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0, maxBatch);
      for (const { bytes } of batch) this.#pendingBytes -= bytes;
      await this.#runBatch(batch);
    }
    this.#draining = undefined;
  }

  async #runBatch(batch: readonly Pending[]): Promise<void> {
    try {
      const replies = await this.#executor.run(batch.map(({ request }) => request));
      for (const [i, reply] of replies.entries()) answer(batch[i], reply);
    } catch (err) {
      const failure = toBrambleError(err);
      for (const { reject } of batch) reject(failure);
    }
  }
}

/** Work on any number of rows, each piece in a transaction that others share. Resolves to the number of rows. */
async function inPieces(doPiece: () => Promise<number>): Promise<number> {
  let total = 0;
  for (let count = rowsPerCall; count >= rowsPerCall; ) {
    count = await doPiece();
    total += count;
  }
  return total;
}

function answer(pending: Pending | undefined, reply: Reply): void {
  if (reply.ok) pending?.resolve(reply.result);
  else pending?.reject(new BrambleError(reply.code, reply.message));
}

/** A copy of just these bytes: a slice of a socket's buffer would take the whole buffer along to another thread. */
function compact(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
