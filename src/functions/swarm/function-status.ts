import type { FunctionStatus } from '../spec.ts';
import type { SwarmService, SwarmTask, TaskTemplate } from './docker-objects.ts';
import { fromAmounts } from './resources.ts';
import {
  annotationPrefix,
  hiddenLabels,
  namespaceLabel,
  secretsFolder,
  usualConstraint,
} from './service-spec.ts';

/** A service as the API shows it: the way back from `toServiceSpec`, for services of other makers too. */
export function toStatus(service: SwarmService, availableReplicas: number): FunctionStatus {
  const { Name, Labels, TaskTemplate, Mode } = service.Spec;
  const { ContainerSpec, Resources, Placement } = TaskTemplate;
  const all = Labels ?? {};
  const { fprocess = '', ...envVars } = toMap(ContainerSpec.Env ?? []);
  const constraints = Placement?.Constraints ?? [];
  const limits = fromAmounts(Resources?.Limits);
  const requests = fromAmounts(Resources?.Reservations);
  const entries = Object.entries(all);
  const isAnnotation = ([key]: [string, string]) => key.startsWith(annotationPrefix);
  return {
    name: Name,
    image: shownImage(ContainerSpec.Image),
    namespace: all[namespaceLabel] ?? '',
    envProcess: fprocess,
    envVars,
    constraints: constraints.length === 1 && constraints[0] === usualConstraint ? [] : constraints,
    secrets: secretNames(TaskTemplate),
    labels: Object.fromEntries(
      entries.filter((entry) => !isAnnotation(entry) && !hiddenLabels.includes(entry[0])),
    ),
    annotations: Object.fromEntries(
      entries.filter(isAnnotation).map(([key, value]) => [key.slice(annotationPrefix.length), value]),
    ),
    ...(limits === undefined ? {} : { limits }),
    ...(requests === undefined ? {} : { requests }),
    readOnlyRootFilesystem: ContainerSpec.ReadOnly ?? false,
    replicas: Mode.Replicated.Replicas,
    availableReplicas,
    createdAt: service.CreatedAt,
  };
}

/** Names by which functions know their secrets: a replaced one has another name in the Swarm. */
export function secretNames({ ContainerSpec }: TaskTemplate): string[] {
  return (ContainerSpec.Secrets ?? []).map(({ File, SecretName }) =>
    File?.Name.startsWith(`${secretsFolder}/`) ? File.Name.slice(secretsFolder.length + 1) : SecretName,
  );
}

/** Is this task made from what the service is now, or from what it was before? */
export function isUpToDate(task: SwarmTask, { Spec }: SwarmService): boolean {
  const { ContainerSpec, Resources, ForceUpdate } = Spec.TaskTemplate;
  const wanted = [ContainerSpec, Resources ?? {}, ForceUpdate ?? 0];
  const { Spec: has } = task;
  // Both were written by the same Engine, their keys in the same order.
  return (
    JSON.stringify(wanted) === JSON.stringify([has.ContainerSpec, has.Resources ?? {}, has.ForceUpdate ?? 0])
  );
}

/** Why fewer replicas run than are wanted, or why the last update is not what runs; nothing when all is well. */
export function findProblem(service: SwarmService, tasks: readonly SwarmTask[]): string | undefined {
  if (isUndone(service)) {
    const reason = latestFailure(tasks) ?? service.UpdateStatus?.Message ?? 'Docker gives no reason';
    return `the last update was rolled back: ${reason}`;
  }
  const running = tasks.filter((task) => isRunning(task) && isUpToDate(task, service)).length;
  return running < service.Spec.Mode.Replicated.Replicas ? latestFailure(tasks) : undefined;
}

/** Did its last update fail, so that what runs, or is to run, is what was before? */
export function isUndone({ UpdateStatus }: SwarmService): boolean {
  return UpdateStatus?.State?.startsWith('rollback') ?? false;
}

export function isRunning({ DesiredState, Status }: SwarmTask): boolean {
  return DesiredState === 'running' && Status.State === 'running';
}

function latestFailure(tasks: readonly SwarmTask[]): string | undefined {
  const failures = tasks.filter(({ Status }) => Status.Err);
  failures.sort((a, b) => (a.Status.Timestamp < b.Status.Timestamp ? 1 : -1));
  return failures[0]?.Status.Err ?? undefined;
}

/** `name:tag@digest` is what we made of `name:tag`. */
function shownImage(image: string): string {
  const [, named = image] = /^(.+:[^/@:]+)@sha256:[0-9a-f]+$/.exec(image) ?? [];
  return named;
}

function toMap(environment: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    environment.map((line): [string, string] => {
      const at = line.indexOf('=');
      return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}
