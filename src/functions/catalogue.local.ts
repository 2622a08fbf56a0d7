import type { Service } from '../lifecycle/service.ts';
import { messageOf } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import type { Catalogue, CatalogueEntry } from './catalogue.ts';
import type { Endpoint } from './endpoint.ts';
import type { FunctionRuntime } from './runtime.ts';
import { parseSettings } from './settings.ts';
import type { FunctionStatus } from './spec.ts';

interface Known {
  readonly entry: CatalogueEntry;
  /** All that its settings were read from. */
  readonly source: string;
}

/** The catalogue of an agent that runs the functions itself. */
export class LocalCatalogue implements Catalogue, Service {
  readonly name = 'catalogue';
  readonly #runtime: Pick<FunctionRuntime, 'list' | 'endpoints' | 'onChange'>;
  readonly #log: Log;
  readonly #listeners = new Set<() => void>();
  #known = new Map<string, Known>();
  #entries: readonly CatalogueEntry[] = [];
  #unwatch: () => void = () => {};

  constructor(runtime: Pick<FunctionRuntime, 'list' | 'endpoints' | 'onChange'>, log: Log) {
    this.#runtime = runtime;
    this.#log = log;
  }

  async start(): Promise<void> {
    const report = (err: unknown) => this.#log.error({ err }, 'functions cannot be listed');
    this.#unwatch = this.#runtime.onChange(() => this.#refresh().catch(report));
    await this.#refresh();
  }

  async stop(): Promise<void> {
    this.#unwatch();
  }

  entries(): readonly CatalogueEntry[] {
    return this.#entries;
  }

  find(name: string): CatalogueEntry | undefined {
    return this.#known.get(name)?.entry;
  }

  endpoints(name: string): readonly Endpoint[] {
    return this.#runtime.endpoints(name);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The list is asked for at the very change, so that who awaited a deployment finds its function here. Entries that
   * did not change stay the same objects.
   */
  async #refresh(): Promise<void> {
    const functions = await this.#runtime.list();
    this.#known = new Map(functions.flatMap((status) => this.#toKnown(status)));
    this.#entries = [...this.#known.values()].map(({ entry }) => entry);
    for (const listener of [...this.#listeners]) listener();
  }

  #toKnown(status: FunctionStatus): [string, Known][] {
    const { name, replicas, envProcess, envVars, labels, annotations } = status;
    const source = JSON.stringify([replicas, envProcess, envVars, labels, annotations]);
    const before = this.#known.get(name);
    if (before?.source === source) return [[name, before]];
    try {
      const settings = parseSettings({ service: name, envProcess, envVars, labels, annotations });
      return [[name, { source, entry: { name, settings, replicas } }]];
    } catch (err) {
      this.#log.error(
        { fn: name, reason: messageOf(err) },
        'function has settings that cannot be used, left aside',
      );
      return [];
    }
  }
}
