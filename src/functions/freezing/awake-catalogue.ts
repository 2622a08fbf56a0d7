import type { Catalogue, CatalogueEntry } from '../catalogue.ts';
import type { Endpoint } from '../endpoint.ts';
import type { FrozenTasks } from './frozen-tasks.ts';

/** A catalogue that knows the containers behind its endpoints. */
export interface PlacedCatalogue extends Catalogue {
  /** `id` is the endpoint's. */
  tasks(name: string): readonly { readonly id: string; readonly containerId: string }[];
}

/** A catalogue without the replicas that their nodes have frozen: a request to one of them would wait in its socket. */
export class AwakeCatalogue implements Catalogue {
  readonly #catalogue: PlacedCatalogue;
  readonly #frozen: Pick<FrozenTasks, 'has' | 'size' | 'onChange'>;

  constructor(catalogue: PlacedCatalogue, frozen: Pick<FrozenTasks, 'has' | 'size' | 'onChange'>) {
    this.#catalogue = catalogue;
    this.#frozen = frozen;
  }

  entries(): readonly CatalogueEntry[] {
    return this.#catalogue.entries();
  }

  find(name: string): CatalogueEntry | undefined {
    return this.#catalogue.find(name);
  }

  endpoints(name: string): readonly Endpoint[] {
    const endpoints = this.#catalogue.endpoints(name);
    if (this.#frozen.size === 0) return endpoints;
    const tasks = this.#catalogue.tasks(name).filter(({ containerId }) => this.#frozen.has(containerId));
    return endpoints.filter((endpoint) => !tasks.some(({ id }) => id === endpoint.id));
  }

  onChange(listener: () => void): () => void {
    const release = [this.#catalogue.onChange(listener), this.#frozen.onChange(listener)];
    return () => {
      for (const end of release) end();
    };
  }
}
