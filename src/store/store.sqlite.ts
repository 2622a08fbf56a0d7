import { access, constants, mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { BrambleError, messageOf } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import { type Executor, GroupCommitStore } from './group-commit.ts';
import type { FromWorker, ToWorker } from './worker-messages.ts';

export interface SqliteStoreOptions {
  /** The database; its folder is made if need be, and locked. */
  readonly file: string;
  /** The bundled `worker.ts`. */
  readonly workerFile: string;
  readonly log: Log;
}

/** The store on disk: SQLite in a worker thread. Should the thread die, the next request starts it again. */
export class SqliteStore extends GroupCommitStore {
  constructor(options: SqliteStoreOptions) {
    super(inWorker(options));
  }
}

function inWorker({ file, workerFile, log }: SqliteStoreOptions): Executor {
  let thread: StoreThread | undefined;
  const open = async () => {
    thread = new StoreThread(file, workerFile);
    await thread.opened;
  };
  return {
    async open(signal) {
      signal.throwIfAborted();
      await makeFile(file);
      const giveUp = () => thread?.kill();
      signal.addEventListener('abort', giveUp, { once: true });
      await open().finally(() => signal.removeEventListener('abort', giveUp));
    },
    async run(requests) {
      if (thread === undefined || thread.hasEnded) {
        log.warn({ file }, 'store thread had ended, starting it again');
        await open();
      }
      const answer = await thread?.ask({ do: 'apply', requests });
      return answer?.done === 'apply' ? answer.replies : [];
    },
    async close() {
      if (thread !== undefined && !thread.hasEnded) await thread.close();
    },
  };
}

/** For the agent's user alone, as events and functions' environments may be secret; SQLite's journal gets the same mode. */
async function makeFile(file: string): Promise<void> {
  const folder = dirname(file);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await access(folder, constants.W_OK);
    await writeFile(file, '', { flag: 'a', mode: 0o600 });
  } catch (err) {
    throw new BrambleError(
      'STORE_BROKEN',
      `cannot write to the data folder ${folder} (${messageOf(err)}); make it writable or choose another dataDir`,
      { cause: err },
    );
  }
}

interface Question {
  readonly resolve: (answer: FromWorker) => void;
  readonly reject: (err: unknown) => void;
}

/** One life of the worker. Everything asked is answered, or rejected when the thread ends. */
class StoreThread {
  /** Rejects with what the engine said when it could not open the database. */
  readonly opened: Promise<FromWorker>;
  hasEnded = false;
  readonly #worker: Worker;
  readonly #questions: Question[] = [];
  #crash: unknown;
  #failure: BrambleError | undefined;

  constructor(file: string, workerFile: string) {
    // No execArgv: loaders that the agent was started with would only slow the thread down.
    this.#worker = new Worker(workerFile, { workerData: { file }, execArgv: [] });
    this.#worker.on('message', (message: FromWorker) => this.#answer(message));
    this.#worker.on('error', (err) => {
      this.#crash = err;
    });
    this.#worker.on('exit', (status) => this.#end(status));
    this.opened = this.#next();
  }

  ask(message: ToWorker): Promise<FromWorker> {
    this.#worker.postMessage(message);
    return this.#next();
  }

  kill(): void {
    void this.#worker.terminate();
  }

  /** Resolves when the thread is gone and with it the lock on the folder. */
  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.#worker.once('exit', resolve));
    await this.ask({ do: 'close' });
    await gone;
  }

  #next(): Promise<FromWorker> {
    return new Promise((resolve, reject) => {
      if (this.hasEnded) reject(this.#failure);
      else this.#questions.push({ resolve, reject });
    });
  }

  #answer(message: FromWorker): void {
    const question = this.#questions.shift();
    if (message.done === 'refuse') {
      this.hasEnded = true; // it closes by itself: there is nothing that it listens to
      this.#failure = new BrambleError(message.code, message.message);
      question?.reject(this.#failure);
    } else question?.resolve(message);
  }

  #end(status: number): void {
    this.hasEnded = true;
    const why = this.#crash === undefined ? `exit ${status}` : messageOf(this.#crash);
    this.#failure ??= new BrambleError('STORE_BROKEN', `the store’s thread ended (${why}); try again`, {
      cause: this.#crash,
    });
    for (const { reject } of this.#questions.splice(0)) reject(this.#failure);
  }
}
