import { toStatus } from '../../src/functions/process/deployment.ts';
import type { FunctionRuntime, LogLine, LogQuery } from '../../src/functions/runtime.ts';
import type { FunctionSpec, FunctionStatus } from '../../src/functions/spec.ts';
import { BrambleError } from '../../src/support/errors.ts';

/** Functions and secrets that only exist in memory. */
export class FakeRuntime
  implements Omit<FunctionRuntime, 'name' | 'start' | 'stop' | 'endpoints' | 'onChange'>
{
  readonly kind = 'process';
  readonly functions = new Map<string, FunctionStatus>();
  readonly stored = new Map<string, string>();
  readonly lines: LogLine[] = [];
  readonly logQueries: LogQuery[] = [];
  readonly specs: FunctionSpec[] = [];

  async deploy(spec: FunctionSpec): Promise<void> {
    if (this.functions.has(spec.service))
      throw new BrambleError('FUNCTION_EXISTS', `function ${spec.service} is deployed already`);
    this.specs.push(spec);
    this.functions.set(spec.service, statusOf(spec));
  }

  async update(spec: FunctionSpec): Promise<void> {
    this.#find(spec.service);
    this.specs.push(spec);
    this.functions.set(spec.service, statusOf(spec));
  }

  async remove(name: string): Promise<void> {
    this.#find(name);
    this.functions.delete(name);
  }

  async scale(name: string, replicas: number): Promise<void> {
    this.functions.set(name, { ...this.#find(name), replicas });
  }

  async list(): Promise<readonly FunctionStatus[]> {
    return [...this.functions.values()];
  }

  async describe(name: string): Promise<FunctionStatus | undefined> {
    return this.functions.get(name);
  }

  async *logs(name: string, query: LogQuery): AsyncIterable<LogLine> {
    this.logQueries.push(query);
    yield* this.lines.filter((line) => line.name === name);
    if (query.follow)
      await new Promise<void>((resolve) => query.signal.addEventListener('abort', () => resolve()));
  }

  readonly secrets: FunctionRuntime['secrets'] = {
    list: async () => [...this.stored.keys()],
    create: async (name, value) => {
      if (this.stored.has(name)) throw new BrambleError('SECRET_EXISTS', `secret ${name} exists already`);
      this.stored.set(name, Buffer.from(value).toString());
    },
    replace: async (name, value) => {
      if (!this.stored.has(name)) throw new BrambleError('NOT_FOUND', `no secret ${name}`);
      this.stored.set(name, Buffer.from(value).toString());
    },
    remove: async (name) => {
      if (!this.stored.delete(name)) throw new BrambleError('NOT_FOUND', `no secret ${name}`);
    },
  };

  #find(name: string): FunctionStatus {
    const status = this.functions.get(name);
    if (status === undefined) throw new BrambleError('FUNCTION_NOT_FOUND', `no function ${name} is deployed`);
    return status;
  }
}

export function statusOf(spec: FunctionSpec): FunctionStatus {
  return toStatus({ spec, replicas: 1, createdAt: '2026-01-01T00:00:00Z' }, 1);
}
