import { Readable } from 'node:stream';
import type { Clock } from '../support/clock.ts';
import { BrambleError, toBrambleError } from '../support/errors.ts';
import type { Metrics } from '../support/metrics.ts';
import type { Catalogue, CatalogueEntry } from './catalogue.ts';
import type { Endpoint, FunctionRequest, FunctionResponse } from './endpoint.ts';
import { pickEndpoint } from './endpoints.ts';

/** A function that was just deployed, or whose last replica just died, gets so long to become ready. */
const longestWaitMs = 10_000;

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
}

export function createInvoke({ catalogue, metrics, node, clock, newId }: InvokeParts): Invoke {
  const measure = createMeasure(metrics, clock);

  return async (name, request, { signal }) => {
    const entry = catalogue.find(name);
    if (entry === undefined)
      throw new BrambleError(
        'FUNCTION_NOT_FOUND',
        `no function "${name}" is deployed; list shows those that are`,
      );
    const call = {
      'x-call-id': firstOf(request.headers['x-call-id']) ?? newId(),
      'x-start-time': firstOf(request.headers['x-start-time']) ?? `${clock.nowMs()}000000`,
    };
    const response = await measure(name, () =>
      send(entry, { ...request, headers: { ...request.headers, ...call } }, signal),
    );
    return { ...response, headers: { ...call, ...response.headers } };
  };

  /** Tries replica after replica as long as none has begun with the request. */
  async function send(
    entry: CatalogueEntry,
    request: FunctionRequest,
    signal: AbortSignal,
  ): Promise<FunctionResponse> {
    const deadlineMs = clock.monotonicMs() + waitLimitMs(entry);
    const refused = new Set<string>();
    for (;;) {
      const endpoint = await findEndpoint(entry, { refused, deadlineMs, signal });
      try {
        return await endpoint.invoke(request, { signal });
      } catch (err) {
        if (toBrambleError(err).code !== 'FUNCTION_UNREADY' || !canBeSentAgain(request)) throw err;
        refused.add(endpoint.id);
      }
    }
  }

  async function findEndpoint(
    { name, replicas }: CatalogueEntry,
    options: { refused: ReadonlySet<string>; deadlineMs: number; signal: AbortSignal },
  ): Promise<Endpoint> {
    const look = () => pickEndpoint(catalogue.endpoints(name), { node, refused: options.refused });
    const found = look();
    if (found !== undefined) return found;
    if (replicas === 0)
      throw new BrambleError('FUNCTION_UNREADY', `function "${name}" is scaled to 0; scale it up to call it`);
    return waitFor(look, name, options);
  }

  function waitFor(
    look: () => Endpoint | undefined,
    name: string,
    { deadlineMs, signal }: { deadlineMs: number; signal: AbortSignal },
  ): Promise<Endpoint> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void) => {
        unwatch();
        cancel();
        signal.removeEventListener('abort', onAbort);
        finish();
      };
      const onAbort = () =>
        settle(() =>
          reject(new BrambleError('CANCELLED', `the caller gave up waiting for function "${name}"`)),
        );
      const unwatch = catalogue.onChange(() => {
        if (catalogue.find(name) === undefined) settle(() => reject(noneReady(name)));
        const found = look();
        if (found !== undefined) settle(() => resolve(found));
      });
      const cancel = clock.after(deadlineMs - clock.monotonicMs(), () =>
        settle(() => reject(noneReady(name))),
      );
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
  }
}

function noneReady(name: string): BrambleError {
  return new BrambleError(
    'FUNCTION_UNREADY',
    `no replica of function "${name}" can take a request now; its log tells why`,
  );
}

function waitLimitMs({ settings }: CatalogueEntry): number {
  return Math.min(longestWaitMs, settings.process.execTimeoutMs || longestWaitMs);
}

/** A stream that somebody began to read has lost its beginning. */
function canBeSentAgain({ body }: FunctionRequest): boolean {
  return !(body instanceof Readable) || (!body.readableDidRead && !body.destroyed);
}

function firstOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}

/** Counts and times calls under OpenFaaS's names, until status and headers are there. */
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
  return async (name: string, call: () => Promise<FunctionResponse>): Promise<FunctionResponse> => {
    const startedMs = clock.monotonicMs();
    const end = (status: number) => {
      const labels = { function_name: name, code: String(status) };
      ended.inc(labels);
      seconds.observe(labels, (clock.monotonicMs() - startedMs) / 1_000);
    };
    started.inc({ function_name: name });
    try {
      const response = await call();
      end(response.status);
      return response;
    } catch (err) {
      end(toBrambleError(err).status);
      throw err;
    }
  };
}
