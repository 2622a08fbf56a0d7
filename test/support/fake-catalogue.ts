import type { Catalogue, CatalogueEntry } from '../../src/functions/catalogue.ts';
import type { Endpoint } from '../../src/functions/endpoint.ts';
import { parseSettings } from '../../src/functions/settings.ts';
import type { FunctionSpec } from '../../src/functions/spec.ts';

/** A replica that answers 200 at once, unless told. */
export function buildEndpoint(fields: Partial<Endpoint> = {}): Endpoint {
  return {
    id: 'replica-1',
    node: 'here',
    inFlight: 0,
    invoke: async () => ({ status: 200, headers: {}, body: Buffer.alloc(0) }),
    ...fields,
  };
}

/** A catalogue that says what it is told to say. */
export class FakeCatalogue implements Catalogue {
  readonly #entries = new Map<string, CatalogueEntry>();
  readonly #endpoints = new Map<string, readonly Endpoint[]>();
  readonly #listeners = new Set<() => void>();

  set(
    name: string,
    endpoints: readonly Endpoint[],
    fields: Partial<FunctionSpec> & { replicas?: number } = {},
  ): void {
    const { replicas = 1, ...spec } = fields;
    this.#entries.set(name, { name, settings: parseSettings({ service: name, ...spec }), replicas });
    this.#endpoints.set(name, endpoints);
    this.#tell();
  }

  remove(name: string): void {
    this.#entries.delete(name);
    this.#endpoints.delete(name);
    this.#tell();
  }

  get watchers(): number {
    return this.#listeners.size;
  }

  entries(): readonly CatalogueEntry[] {
    return [...this.#entries.values()];
  }

  find(name: string): CatalogueEntry | undefined {
    return this.#entries.get(name);
  }

  endpoints(name: string): readonly Endpoint[] {
    return this.#endpoints.get(name) ?? [];
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
