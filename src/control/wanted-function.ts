import type { TaskEndpoint } from '../functions/catalogue-message.ts';
import { settingVariables } from '../functions/settings.ts';
import type { FunctionStatus } from '../functions/spec.ts';
import type { WantedFunction } from './reconcile.ts';

/** What every agent is told of a function: of its environment only what are settings, for the rest may be secret. */
export function toWantedFunction(status: FunctionStatus, endpoints: readonly TaskEndpoint[]): WantedFunction {
  const { limits, requests } = status;
  const settings = Object.entries(status.envVars).filter(([variable]) => settingVariables.includes(variable));
  return {
    name: status.name,
    replicas: status.replicas,
    service: {
      image: status.image,
      namespace: status.namespace,
      envProcess: status.envProcess,
      envVars: Object.fromEntries(settings),
      constraints: [...status.constraints],
      secrets: [...status.secrets],
      labels: { ...status.labels },
      annotations: { ...status.annotations },
      readOnlyRootFilesystem: status.readOnlyRootFilesystem,
      createdAt: status.createdAt,
      ...(limits === undefined ? {} : { limits }),
      ...(requests === undefined ? {} : { requests }),
    },
    // In one order, or each look at the Swarm would seem to bring a change.
    endpoints: [...endpoints].sort((a, b) => (a.id < b.id ? -1 : 1)),
  };
}
