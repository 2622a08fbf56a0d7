import { filters, matches } from '../events/topics.ts';
import type { CatalogueEntry } from '../functions/catalogue.ts';
import { disjointCover } from './filter-cover.ts';

/** Which functions want which events. Immutable: each change of the catalogue makes a new one. */
export interface TriggerTable {
  /** The functions that an event of this topic triggers, each once, however many of its filters match. */
  functionsFor(topic: string): readonly CatalogueEntry[];
  /** What to subscribe to: pairwise disjoint, and always all of Bramble's own events, which ask for receipts. */
  readonly subscriptions: readonly string[];
}

export function buildTable(entries: readonly CatalogueEntry[]): TriggerTable {
  const listening = entries.filter(({ settings }) => settings.triggers.topics.length > 0);
  return {
    functionsFor: (topic) =>
      listening.filter(({ settings }) => settings.triggers.topics.some((filter) => matches(filter, topic))),
    subscriptions: disjointCover([
      filters.everyEvent,
      ...listening.flatMap(({ settings }) => settings.triggers.topics),
    ]),
  };
}
