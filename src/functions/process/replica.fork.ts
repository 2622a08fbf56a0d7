import type { Readable } from 'node:stream';
import { BrambleError } from '../../support/errors.ts';
import { busy, durationSeconds, timedOut, unready } from '../call/call-context.ts';
import { readAll, withDeadline } from '../call/deadline.ts';
import { InFlight } from '../call/in-flight.ts';
import type { FunctionRequest, FunctionResponse } from '../endpoint.ts';
import { readLines } from './lines.ts';
import { describeExit, type Exit, type ProcessGroup } from './process-group.ts';
import { Gone, killGraceMs, type Replica, type ReplicaContext } from './replica.ts';
import { readBody } from './request-body.ts';
import { requestEnvironment } from './request-environment.ts';

/** The classic way: one process per request, body on standard input, answer from standard output. */
export class ForkReplica implements Replica {
  readonly id: string;
  readonly node: string;
  readonly #context: ReplicaContext;
  readonly #inFlight = new InFlight();
  readonly #groups = new Set<ProcessGroup>();
  readonly #gone = new Gone();
  #isStopping = false;

  constructor(id: string, context: ReplicaContext) {
    this.id = id;
    this.node = context.node;
    this.#context = context;
  }

  get inFlight(): number {
    return this.#inFlight.count;
  }

  get gone(): Promise<string> {
    return this.#gone.promise;
  }

  /** Nothing runs between requests, so there is nothing to wait for. */
  async start(): Promise<void> {}

  async stop(drainMs: number): Promise<void> {
    this.#isStopping = true;
    await this.#inFlight.none(this.#context.clock, drainMs);
    await Promise.all([...this.#groups].map((group) => group.end(killGraceMs)));
  }

  async invoke(request: FunctionRequest, { signal }: { signal: AbortSignal }): Promise<FunctionResponse> {
    const { maxInflight } = this.#context.settings;
    if (this.#isStopping) throw unready(this.#context, this.id);
    if (maxInflight > 0 && this.#inFlight.count >= maxInflight) throw busy(this.#context, this.id);
    const leave = this.#inFlight.enter();
    try {
      const environment = requestEnvironment(request);
      const body = await readBody(request, this.#context, signal);
      return await this.#run(request, { body, environment, signal });
    } finally {
      leave();
    }
  }

  async #run(
    request: FunctionRequest,
    given: { body: Uint8Array; environment: Record<string, string>; signal: AbortSignal },
  ): Promise<FunctionResponse> {
    const { clock, settings, name, maxAnswerBytes } = this.#context;
    const startedMs = clock.monotonicMs();
    const group = await this.#launch(given.environment);
    const { stdin, stdout } = streamsOf(group);
    stdin?.on('error', () => {}); // it need not read its input
    stdin?.end(given.body);
    const output = readAll(stdout, maxAnswerBytes, `the answer of function "${name}"`);
    try {
      const [exit, answer] = await withDeadline(Promise.all([group.closed, output]), {
        clock,
        limitMs: settings.execTimeoutMs,
        signal: given.signal,
        late: () => timedOut(this.#context),
      });
      return this.#toResponse(request, { exit, answer, startedMs });
    } catch (err) {
      group.end(killGraceMs).catch(() => {}); // `stop` waits for it
      throw err;
    }
  }

  async #launch(environment: Record<string, string>): Promise<ProcessGroup> {
    const { settings, launch, log } = this.#context;
    const group = await launch(settings.command, { env: environment, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#groups.add(group);
    void group.exited.then(() => this.#groups.delete(group));
    if (group.child.stderr !== null) readLines(group.child.stderr, (line) => log(this.id, line));
    return group;
  }

  #toResponse(
    request: FunctionRequest,
    { exit, answer, startedMs }: { exit: Exit; answer: Buffer; startedMs: number },
  ): FunctionResponse {
    const { clock, settings, log } = this.#context;
    const duration = durationSeconds(clock, startedMs);
    if (exit.code === 0) {
      const asked = request.headers['content-type'];
      const contentType = settings.contentType ?? (typeof asked === 'string' ? asked : sniff(answer));
      const headers = { 'content-type': contentType, 'x-duration-seconds': duration };
      return { status: 200, headers, body: answer };
    }
    log(this.id, `${describeExit(exit)} after ${duration} s`);
    return {
      status: 500,
      headers: { 'content-type': 'text/plain; charset=utf-8', 'x-duration-seconds': duration },
      body: Buffer.concat([Buffer.from(`${describeExit(exit)}\n`), answer]),
    };
  }
}

function streamsOf({ child }: ProcessGroup): { stdin: typeof child.stdin; stdout: Readable } {
  if (child.stdout === null) throw new BrambleError('INTERNAL', 'a process was started without its output');
  return { stdin: child.stdin, stdout: child.stdout };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Text or bytes: what little of Go's content sniffing a caller depends on. */
function sniff(answer: Buffer): string {
  try {
    if (!utf8.decode(answer).includes('\0')) return 'text/plain; charset=utf-8';
  } catch {
    // not UTF-8, so not text
  }
  return 'application/octet-stream';
}
