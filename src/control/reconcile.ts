import { isDeepStrictEqual } from 'node:util';
import type { CatalogueIndex, CatalogueMessage } from '../functions/catalogue-message.ts';

/** A function as it is now, to be published. */
export type WantedFunction = Omit<CatalogueMessage, 'version' | 'at'>;

/** What the bus has; `undefined` stands for a message that nobody can read. */
export interface Published {
  readonly functions: ReadonlyMap<string, CatalogueMessage | undefined>;
  readonly index: CatalogueIndex | undefined;
}

export type Step =
  | { readonly action: 'publish'; readonly message: CatalogueMessage }
  | { readonly action: 'remove'; readonly name: string }
  | { readonly action: 'index'; readonly index: CatalogueIndex };

/**
 * What is to be published so that the bus has what is wanted: differences only, new things before removals, the index
 * last. `lastVersion` is the highest ever seen: versions grow whatever the clocks of successive leaders say.
 */
export function planCatalogue(
  wanted: readonly WantedFunction[],
  published: Published,
  { nowMs, lastVersion }: { readonly nowMs: number; readonly lastVersion: number },
): readonly Step[] {
  const at = new Date(nowMs).toISOString();
  let version = lastVersion;
  const nextVersion = () => {
    version = Math.max(nowMs, version + 1);
    return version;
  };
  const changed = wanted.filter((one) => !isPublished(one, published.functions.get(one.name)));
  const names = wanted.map(({ name }) => name).sort();
  const gone = [...published.functions.keys()].filter((name) => !names.includes(name));
  const isIndexed = isDeepStrictEqual(published.index?.names, names);
  return [
    ...changed.map((one): Step => ({ action: 'publish', message: { ...one, version: nextVersion(), at } })),
    ...gone.map((name): Step => ({ action: 'remove', name })),
    ...(isIndexed ? [] : [{ action: 'index', index: { names, version: nextVersion() } } as const]),
  ];
}

export function isPublished(wanted: WantedFunction, message: CatalogueMessage | undefined): boolean {
  if (message === undefined) return false;
  const { version: _version, at: _at, ...rest } = message;
  // As it looks after a journey as JSON: what is undefined is left out there.
  return isDeepStrictEqual(JSON.parse(JSON.stringify(wanted)), JSON.parse(JSON.stringify(rest)));
}
