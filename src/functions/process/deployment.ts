import { type Static, Type } from 'typebox';
import { FunctionSpec, type FunctionStatus } from '../spec.ts';

/** A function as it is kept on disk. */
export const Deployment = Type.Object({
  spec: FunctionSpec,
  /** Wanted now. */
  replicas: Type.Integer({ minimum: 0 }),
  /** RFC 3339. */
  createdAt: Type.String(),
});
export type Deployment = Static<typeof Deployment>;

export function toStatus(
  { spec, replicas, createdAt }: Deployment,
  availableReplicas: number,
): FunctionStatus {
  return {
    name: spec.service,
    image: spec.image,
    namespace: spec.namespace ?? '',
    envProcess: spec.envProcess ?? '',
    envVars: spec.envVars ?? {},
    constraints: spec.constraints ?? [],
    secrets: spec.secrets ?? [],
    labels: spec.labels ?? {},
    annotations: spec.annotations ?? {},
    ...(spec.limits == null ? {} : { limits: spec.limits }),
    ...(spec.requests == null ? {} : { requests: spec.requests }),
    readOnlyRootFilesystem: spec.readOnlyRootFilesystem ?? false,
    replicas,
    availableReplicas,
    createdAt,
  };
}
