import type { Metrics } from '../support/metrics.ts';

/** Counted where functions are called, under the name that OpenFaaS's dashboards know. */
const counterName = 'gateway_function_invocation_total';

/** Calls of each function since this agent started, by function name. */
export async function countInvocations({ registry }: Metrics): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const samples = (await registry.getSingleMetric(counterName)?.get())?.values ?? [];
  for (const { labels, value } of samples) {
    const name = String(labels.function_name);
    counts.set(name, (counts.get(name) ?? 0) + value);
  }
  return counts;
}
