import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { sleep } from '../../support/clock.ts';
import { BrambleError, toBrambleError } from '../../support/errors.ts';
import { unready } from '../call/call-context.ts';
import type { HttpPool } from '../call/http-pool.ts';
import type { FunctionRequest, FunctionResponse } from '../endpoint.ts';
import { readLines } from './lines.ts';
import { describeExit, type ProcessGroup } from './process-group.ts';
import { Gone, killGraceMs, type Replica, type ReplicaContext, startLimitMs } from './replica.ts';

/** Between two looks whether the process listens yet. */
const readyPollMs = 20;
/** From a broken connection to the news that its process has ended, if it has. */
const deathNoticeMs = 500;
/** An answer of `ready_path` that takes longer counts as none. */
const readyAnswerMs = 2_000;

/** A long-lived process that serves HTTP on a loopback port given to it in `PORT`, `port` and `http_port`. */
export class HttpReplica implements Replica {
  readonly id: string;
  readonly node: string;
  readonly #context: ReplicaContext;
  readonly #gone = new Gone();
  #group: ProcessGroup | undefined;
  #pool: HttpPool | undefined;

  constructor(id: string, context: ReplicaContext) {
    this.id = id;
    this.node = context.node;
    this.#context = context;
  }

  get inFlight(): number {
    return this.#pool?.inFlight ?? 0;
  }

  get gone(): Promise<string> {
    return this.#gone.promise;
  }

  async start(): Promise<void> {
    const port = await freePort();
    const group = await this.#context.launch(this.#context.settings.command, {
      env: { PORT: `${port}`, port: `${port}`, http_port: `${port}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#group = group;
    for (const stream of [group.child.stdout, group.child.stderr])
      if (stream !== null) readLines(stream, (line) => this.#context.log(this.id, line));
    const origin = `http://127.0.0.1:${port}`;
    try {
      await this.#becomeReady(group, port, origin);
    } catch (err) {
      await group.end(killGraceMs);
      throw err;
    }
    const { HttpPool } = await import('../call/http-pool.ts'); // 5 MB of memory: only for functions that need it
    this.#pool = new HttpPool(this.id, origin);
    void group.exited.then((exit) => this.#gone.tell(describeExit(exit)));
  }

  async stop(drainMs: number): Promise<void> {
    await this.#pool?.drain(this.#context.clock, drainMs);
    await this.#group?.end(killGraceMs);
    await this.#pool?.destroy();
  }

  async invoke(request: FunctionRequest, { signal }: { signal: AbortSignal }): Promise<FunctionResponse> {
    if (this.#pool === undefined) throw unready(this.#context, this.id);
    try {
      return await this.#pool.invoke(request, this.#context, signal);
    } catch (err) {
      if (toBrambleError(err).code === 'FUNCTION_FAILED') await this.#isItTheEnd();
      throw err;
    }
  }

  /**
   * A connection breaks a moment before the process that broke it is known to be dead. Waiting for that keeps whoever
   * comes next, the caller's next attempt above all, from being sent to a dying process.
   */
  async #isItTheEnd(): Promise<void> {
    const { clock } = this.#context;
    await new Promise<void>((resolve) => {
      const cancel = clock.after(deathNoticeMs, resolve);
      void this.gone.then(cancel).then(resolve);
    });
  }

  async #becomeReady(group: ProcessGroup, port: number, origin: string): Promise<void> {
    const { clock, name, settings } = this.#context;
    const { readyPath } = settings;
    const deadlineMs = clock.monotonicMs() + startLimitMs;
    while (!(readyPath === null ? await accepts(port) : await answers(`${origin}${readyPath}`))) {
      if (group.child.exitCode !== null || group.child.signalCode !== null)
        throw new BrambleError(
          'FUNCTION_FAILED',
          `function "${name}" ended before it was ready; its log tells more`,
        );
      if (clock.monotonicMs() > deadlineMs) throw this.#neverReady();
      await sleep(clock, readyPollMs);
    }
  }

  #neverReady(): BrambleError {
    const { name, settings } = this.#context;
    const asked = settings.readyPath === null ? '' : ` and answer ${settings.readyPath} with 2xx`;
    return new BrambleError(
      'FUNCTION_UNREADY',
      `function "${name}" was not ready within ${startLimitMs} ms; it must listen on 127.0.0.1 at the port in PORT${asked}`,
    );
  }
}

/** A port that was free a moment ago. Should another program take it first, the function fails to start and is started again. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string')
    throw new BrambleError('INTERNAL', 'no loopback port is free');
  return address.port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function answers(url: string): Promise<boolean> {
  try {
    const { default: undici } = await import('undici'); // bundled, a CommonJS package has no names but `default`
    const { statusCode, body } = await undici.request(url, { signal: AbortSignal.timeout(readyAnswerMs) });
    await body.dump();
    return statusCode >= 200 && statusCode < 300;
  } catch {
    return false; // not listening yet, or not well yet: the next look tells
  }
}
