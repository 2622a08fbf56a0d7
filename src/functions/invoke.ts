import { Readable } from 'node:stream';
import type { Clock } from '../support/clock.ts';
import { BrambleError, toBrambleError } from '../support/errors.ts';
import type { Metrics } from '../support/metrics.ts';
import type { Catalogue, CatalogueEntry } from './catalogue.ts';
import type { Endpoint, FunctionRequest, FunctionResponse } from './endpoint.ts';
import { pickEndpoint } from './endpoints.ts';
import { ReadyLine, type WaitOptions } from './ready-line.ts';

/** A function that was just deployed, or whose last replica just died, gets so long to become ready. */
const longestWaitMs = 10_000;
/** One that has to be started first gets longer, and whatever its own time limit, which is for answers. */
const longestWakeMs = 60_000;
/** A replica that just started may not listen yet: one that refused is tried again after this, if there is no other. */
const forgiveMs = 200;
const nobody: ReadonlySet<string> = new Set();

export interface InvokeOptions {
  readonly signal: AbortSignal;
}

/**
 * The one door to a function, for HTTP, MQTT, cron and async callers alike. Adds `x-call-id` and `x-start-time` where
 * missing, to request and response. Rejects FUNCTION_NOT_FOUND, FUNCTION_UNREADY, BUSY, FUNCTION_TIMEOUT…
 */
export type Invoke = (
  name: string,
  request: FunctionRequest,
  options: InvokeOptions,
) => Promise<FunctionResponse>;

export interface InvokeParts {
  readonly catalogue: Catalogue;
  readonly metrics: Metrics;
  /** Name of this node. */
  readonly node: string;
  readonly clock: Clock;
  /** A new UUID. */
  readonly newId: () => string;
  /**
   * Asks for a replica of a function that has none ready; called again and again while somebody waits. Without it a
   * function that is scaled to 0 cannot be called.
   */
  readonly wake?: (name: string) => void;
}

export function createInvoke({ catalogue, metrics, node, clock, newId, wake }: InvokeParts): Invoke {
  const measure = createMeasure(metrics, clock);
  const line = new ReadyLine({ catalogue, clock, wake });
  let turn = 0;

  return async (name, given, { signal }) => {
    const entry = catalogue.find(name);
    if (entry === undefined)
      throw new BrambleError(
        'FUNCTION_NOT_FOUND',
        `no function "${name}" is deployed; list shows those that are`,
      );
    const call = {
      'x-call-id': firstOf(given.headers['x-call-id']) ?? newId(),
      'x-start-time': firstOf(given.headers['x-start-time']) ?? `${clock.nowMs()}000000`,
    };
    const request = isMarked(given) ? given : { ...given, headers: { ...given.headers, ...call } };
    const end = measure(name);
    try {
      const { status, headers, body } = await send(entry, request, signal);
      end(status);
      return { status, headers: { ...call, ...headers }, body };
    } catch (err) {
      end(toBrambleError(err).status);
      throw err;
    }
  };

  /** Tries replica after replica as long as none has begun with the request. */
  async function send(
    entry: CatalogueEntry,
    request: FunctionRequest,
    signal: AbortSignal,
  ): Promise<FunctionResponse> {
    const deadlineMs = clock.monotonicMs() + waitLimitMs(entry);
    let refused = nobody;
    for (;;) {
      const look = () => pickEndpoint(catalogue.endpoints(entry.name), { node, refused, turn });
      turn += 1;
      const forgive = () => {
        refused = nobody;
      };
      const endpoint = look() ?? (await waitForEndpoint(entry, { look, forgive, deadlineMs, signal }));
      try {
        return await endpoint.invoke(request, { signal });
      } catch (err) {
        if (toBrambleError(err).code !== 'FUNCTION_UNREADY' || !canBeSentAgain(request)) throw err;
        refused = new Set([...refused, endpoint.id]);
      }
    }
  }

  async function waitForEndpoint(
    { name, replicas }: CatalogueEntry,
    { look, forgive, ...wait }: { look: () => Endpoint | undefined; forgive: () => void } & WaitOptions,
  ): Promise<Endpoint> {
    if (replicas === 0 && wake === undefined)
      throw new BrambleError('FUNCTION_UNREADY', `function "${name}" is scaled to 0; scale it up to call it`);
    const cancelForgive = clock.after(forgiveMs, () => {
      forgive();
      line.look(name);
    });
    return line.wait(name, look, wait).finally(cancelForgive);
  }

  function waitLimitMs({ name, replicas, settings }: CatalogueEntry): number {
    const isAsleep = wake !== undefined && (replicas === 0 || catalogue.endpoints(name).length === 0);
    return isAsleep
      ? longestWakeMs
      : Math.min(longestWaitMs, settings.process.execTimeoutMs || longestWaitMs);
  }
}

/** A stream that somebody began to read has lost its beginning. */
function canBeSentAgain({ body }: FunctionRequest): boolean {
  return !(body instanceof Readable) || (!body.readableDidRead && !body.destroyed);
}

/** The gateway gives each call its id and start before it reads the body; then there is nothing to copy. */
function isMarked({ headers }: FunctionRequest): boolean {
  return typeof headers['x-call-id'] === 'string' && typeof headers['x-start-time'] === 'string';
}

function firstOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}

/** Counts and times calls under OpenFaaS's names, from the call of what it returns to that of what this returns. */
function createMeasure(metrics: Metrics, clock: Clock) {
  const started = metrics.counter('gateway_function_invocation_started', 'Invocations begun', [
    'function_name',
  ]);
  const ended = metrics.counter('gateway_function_invocation_total', 'Invocations ended, by HTTP status', [
    'function_name',
    'code',
  ]);
  const seconds = metrics.histogram(
    'gateway_functions_seconds',
    'Time from the call to the status of the answer',
    ['function_name', 'code'],
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  );
  return (name: string): ((status: number) => void) => {
    const startedMs = clock.monotonicMs();
    started.inc({ function_name: name });
    return (status) => {
      const labels = { function_name: name, code: String(status) };
      ended.inc(labels);
      seconds.observe(labels, (clock.monotonicMs() - startedMs) / 1_000);
    };
  };
}
