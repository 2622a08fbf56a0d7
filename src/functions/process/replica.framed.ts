import { Duplex } from 'node:stream';
import { BrambleError } from '../../support/errors.ts';
import { busy, durationSeconds, timedOut, unready } from '../call/call-context.ts';
import { withDeadline } from '../call/deadline.ts';
import { InFlight } from '../call/in-flight.ts';
import type { FunctionRequest, FunctionResponse } from '../endpoint.ts';
import { readAnswerHead } from './answer-head.ts';
import { encodeHead, type Frame } from './frame.ts';
import { FramedChannel } from './framed-channel.ts';
import { FramedJob } from './framed-job.ts';
import { readLines } from './lines.ts';
import { describeExit, type ProcessGroup } from './process-group.ts';
import { Gone, killGraceMs, type Replica, type ReplicaContext, startLimitMs } from './replica.ts';
import { readBody } from './request-body.ts';
import { type Taker, WaitingLine } from './waiting-line.ts';

/** Most requests in flight per worker when `max_inflight` sets no limit: memory has one. */
const mostInFlight = 10_000;

/** What the workers of one version of a function share. */
export interface FramedCrew {
  readonly context: ReplicaContext;
  /** Starts the worker program; it speaks frames on descriptor 3. */
  readonly command: readonly string[];
  readonly line: WaitingLine<FramedJob>;
  /** All of their requests: being read, waiting or running. */
  readonly inFlight: InFlight;
}

export function createCrew(context: ReplicaContext, command: readonly string[]): FramedCrew {
  return { context, command, line: new WaitingLine(), inFlight: new InFlight() };
}

/** A warm process that handles one request after the other. Requests wait in a line that all workers share. */
export class FramedReplica implements Replica, Taker<FramedJob> {
  readonly id: string;
  readonly node: string;
  readonly #crew: FramedCrew;
  readonly #context: ReplicaContext;
  readonly #gone = new Gone();
  readonly #running = new InFlight();
  #group: ProcessGroup | undefined;
  #channel: FramedChannel | undefined;
  #isStopping = false;

  constructor(id: string, crew: FramedCrew) {
    this.id = id;
    this.node = crew.context.node;
    this.#crew = crew;
    this.#context = crew.context;
  }

  get inFlight(): number {
    return this.#running.count;
  }

  get gone(): Promise<string> {
    return this.#gone.promise;
  }

  async start(): Promise<void> {
    const group = await this.#context.launch(this.#crew.command, {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    this.#group = group;
    this.#follow(group);
    const channel = new FramedChannel(socketOf(group), {
      functionName: this.#context.name,
      maxAnswerBytes: this.#context.maxAnswerBytes,
    });
    this.#channel = channel;
    void group.closed.then((exit) => channel.break(this.#died(describeExit(exit))));
    try {
      await this.#becomeReady(channel);
    } catch (err) {
      await group.end(killGraceMs);
      throw err;
    }
    void group.exited.then((exit) => this.#end(describeExit(exit)));
    if (!this.#isStopping) this.#crew.line.join(this);
  }

  async stop(drainMs: number): Promise<void> {
    const { clock } = this.#context;
    const { line, inFlight } = this.#crew;
    this.#isStopping = true;
    // The last one out serves all who still wait: their replacement stands in another line.
    if (line.workers > 1) {
      line.leave(this);
      await this.#running.none(clock, drainMs);
    } else {
      await inFlight.none(clock, drainMs);
      line.leave(this);
    }
    await this.#group?.end(killGraceMs);
  }

  async invoke(request: FunctionRequest, { signal }: { signal: AbortSignal }): Promise<FunctionResponse> {
    const { line, inFlight } = this.#crew;
    if (this.#isStopping || line.workers === 0) throw unready(this.#context, this.id);
    const limit = this.#context.settings.maxInflight || mostInFlight;
    if (inFlight.count >= limit * line.workers) throw busy(this.#context, this.id);
    const leave = inFlight.enter();
    try {
      const body = await readBody(request, this.#context, signal);
      const { method, path, query, headers } = request;
      const head = encodeHead({ method, path, query, headers }, body.byteLength);
      const job = new FramedJob({ head, body }, { context: this.#context, signal, line });
      job.enter();
      return await job.answer;
    } finally {
      leave();
    }
  }

  take(job: FramedJob): void {
    this.#run(job).catch((err) => job.fail(err));
  }

  async #run(job: FramedJob): Promise<void> {
    const { clock, settings } = this.#context;
    const channel = this.#channel;
    if (channel === undefined) return job.turnAway();
    const leave = this.#running.enter();
    const startedMs = clock.monotonicMs();
    const cancelTimeout =
      settings.execTimeoutMs === 0 ? () => {} : clock.after(settings.execTimeoutMs, () => this.#timeOut(job));
    job.started();
    try {
      const frame = await channel.exchange(job.request);
      leave();
      this.#crew.line.next(this);
      job.succeed(this.#toResponse(frame, startedMs));
    } catch (err) {
      // First out of the line, so that who tries again does not meet this one.
      if (channel.isBroken) this.#end('its channel broke');
      job.fail(err);
    } finally {
      leave();
      cancelTimeout();
    }
  }

  #toResponse({ head, body }: Frame, startedMs: number): FunctionResponse {
    const { status, headers } = readAnswerHead(head, this.#context.name);
    headers['x-duration-seconds'] = durationSeconds(this.#context.clock, startedMs);
    return { status, headers, body };
  }

  #timeOut(job: FramedJob): void {
    this.#end('a request ran into exec_timeout');
    job.fail(timedOut(this.#context));
  }

  /** Not usable any more: out of the line, told to whoever keeps the number of replicas, and ended. */
  #end(reason: string): void {
    this.#crew.line.leave(this);
    this.#gone.tell(reason);
    this.#group?.end(killGraceMs).catch(() => {}); // `stop` waits for it
  }

  #follow({ child }: ProcessGroup): void {
    for (const stream of [child.stdout, child.stderr])
      if (stream !== null) readLines(stream, (line) => this.#context.log(this.id, line));
  }

  async #becomeReady(channel: FramedChannel): Promise<void> {
    const { clock, name } = this.#context;
    await withDeadline(channel.ready(), {
      clock,
      limitMs: startLimitMs,
      signal: new AbortController().signal,
      late: () =>
        new BrambleError(
          'FUNCTION_UNREADY',
          `a worker of function "${name}" was not ready within ${startLimitMs} ms`,
        ),
    });
  }

  #died(how: string): BrambleError {
    return new BrambleError(
      'FUNCTION_FAILED',
      `the process of function "${this.#context.name}" ended (${how}) before it answered; its log tells more`,
    );
  }
}

function socketOf({ child }: ProcessGroup): Duplex {
  const socket = child.stdio[3];
  if (!(socket instanceof Duplex))
    throw new BrambleError('INTERNAL', 'a worker was started without its socket');
  return socket;
}
