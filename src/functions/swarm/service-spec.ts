import type { Problem } from '../../support/errors.ts';
import { invalid } from '../../support/schema.ts';
import { isFreezable } from '../scale-settings.ts';
import type { FunctionSettings } from '../settings.ts';
import type { FunctionSpec } from '../spec.ts';
import type { SecretReference, ServiceSpec } from './docker-objects.ts';
import { toAmounts } from './resources.ts';

/** A service with this label is a function, whoever made it; its value is the function's name. */
export const functionLabel = 'com.openfaas.function';
export const annotationPrefix = 'com.openfaas.annotations.';
/** Id of the image that a tag stood for: a tag that means another image now must make new replicas. */
export const imageLabel = 'com.openfaas.image.id';
export const namespaceLabel = 'com.openfaas.namespace';
/** Labels that say what the rest of the service says too, or that only the runtime reads. */
export const hiddenLabels: readonly string[] = [imageLabel, namespaceLabel];
export const secretsFolder = '/var/openfaas/secrets';
/** Images for other systems can be in the same registry; a user who gives constraints decides alone. */
export const usualConstraint = 'node.platform.os == linux';

const second = 1e9;
/** How long requests without a time limit of their own may go on when their replica is to go. */
const drainUnlimitedMs = 60_000;
/** Between the death of a replica and its next start: short enough for a caller to wait, long enough for a Pi. */
const restartDelaySeconds = 2;
/** A new replica that dies so soon after its start makes the update roll back. */
const monitorSeconds = 5;

/** What a service needs beside what the user said. */
export interface ServiceParts {
  readonly settings: FunctionSettings;
  /** As Docker is to know it, with a digest where the registry told one. */
  readonly image: string;
  readonly imageId: string | undefined;
  readonly secrets: readonly SecretReference[];
  readonly networkId: string;
  readonly replicas: number;
}

/** How long the requests of a replica that is to go may take. */
export function drainMs({ execTimeoutMs }: Pick<FunctionSettings['process'], 'execTimeoutMs'>): number {
  return execTimeoutMs || drainUnlimitedMs;
}

/** Throws INVALID with everything that Docker could not do. The same input always gives the same service. */
export function toServiceSpec(spec: FunctionSpec, parts: ServiceParts): ServiceSpec {
  const labels = toLabels(spec);
  const { settings, image, imageId, networkId, replicas, secrets } = parts;
  // Old ones serve until a new one is there; on a Pi one more at a time is what there is room for.
  const rolling = {
    Parallelism: 1,
    Order: 'start-first',
    Monitor: monitorSeconds * second,
    MaxFailureRatio: 0,
  };
  return {
    Name: spec.service,
    Labels: labels,
    TaskTemplate: {
      ContainerSpec: {
        Image: image,
        Labels: imageId === undefined ? labels : { ...labels, [imageLabel]: imageId },
        Env: toEnvironment(spec),
        Secrets: [...secrets],
        StopGracePeriod: drainMs(settings.process) * 1e6,
        // A frozen replica answers no health check, and Docker would end it.
        ...(isFreezable(settings.scale) ? { Healthcheck: { Test: ['NONE'] } } : {}),
        ...(spec.readOnlyRootFilesystem === true
          ? { ReadOnly: true, Mounts: [{ Type: 'tmpfs', Target: '/tmp' }] }
          : {}),
      },
      Resources: toResources(spec),
      RestartPolicy: { Condition: 'any', Delay: restartDelaySeconds * second, MaxAttempts: 0 },
      Placement: { Constraints: spec.constraints?.length ? spec.constraints : [usualConstraint] },
      Networks: [{ Target: networkId }],
      ForceUpdate: 0,
    },
    Mode: { Replicated: { Replicas: replicas } },
    UpdateConfig: { ...rolling, FailureAction: 'rollback' },
    RollbackConfig: { ...rolling, FailureAction: 'pause' },
    // Replicas are called at their own addresses; a virtual one would need IPVS and choose blindly.
    EndpointSpec: { Mode: 'dnsrr' },
  };
}

function toLabels({ service, labels, annotations, namespace }: FunctionSpec): Record<string, string> {
  const problems = Object.keys(annotations ?? {})
    .map((key) => annotationPrefix + key)
    .filter((label) => Object.hasOwn(labels ?? {}, label))
    .map((label): Problem => ({ path: `labels.${label}`, message: 'is an annotation too; give it once' }));
  if (problems.length > 0) throw invalid(problems, { what: `function ${service}` });
  return {
    ...labels,
    ...Object.fromEntries(
      Object.entries(annotations ?? {}).map(([key, value]) => [annotationPrefix + key, value]),
    ),
    ...(namespace ? { [namespaceLabel]: namespace } : {}),
    [functionLabel]: service,
    function: 'true',
  };
}

/** Sorted, for a service must not change when nothing was changed. */
function toEnvironment({ envVars, envProcess }: FunctionSpec): string[] {
  const all = { ...envVars, ...(envProcess ? { fprocess: envProcess } : {}) };
  return Object.entries(all)
    .map(([name, value]) => `${name}=${value}`)
    .sort();
}

function toResources({ service, limits, requests }: FunctionSpec) {
  const problems: Problem[] = [];
  const resources = {
    Limits: toAmounts(limits, { path: 'limits', problems }),
    Reservations: toAmounts(requests, { path: 'requests', problems }),
  };
  if (problems.length > 0) throw invalid(problems, { what: `function ${service}` });
  return resources;
}
