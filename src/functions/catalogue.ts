import type { Endpoint } from './endpoint.ts';
import type { FunctionSettings } from './settings.ts';

export interface CatalogueEntry {
  readonly name: string;
  readonly settings: FunctionSettings;
  /** Wanted, ready or not. */
  readonly replicas: number;
}

/** What an agent needs to know to serve and to trigger functions: from the runtime here, or from the bus. */
export interface Catalogue {
  entries(): readonly CatalogueEntry[];
  find(name: string): CatalogueEntry | undefined;
  /** Ready replicas now. */
  endpoints(name: string): readonly Endpoint[];
  /** Called after each change. Returns the function that ends it. */
  onChange(listener: () => void): () => void;
}
