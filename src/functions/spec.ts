import { type Static, Type } from 'typebox';

const stringMap = Type.Record(Type.String(), Type.String());
const nullableMap = Type.Union([stringMap, Type.Null()]);
const resources = Type.Object(
  {
    memory: Type.Optional(Type.String({ description: 'bytes with unit: 64Mi, 64m, 1g' })),
    cpu: Type.Optional(Type.String({ description: 'cores: 0.5, or thousandths: 500m' })),
  },
  { additionalProperties: false },
);

/** Name of a function: one DNS label, so that it can be a host name, a topic level and a metric label. */
export const functionName = Type.String({
  pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$',
  description: 'a DNS label',
});
export const secretName = Type.String({
  pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
  maxLength: 253,
});

/** What a user deploys; OpenFaaS's FunctionDeployment. Annotations carry triggers, see `settings.ts`. */
export const FunctionSpec = Type.Object(
  {
    service: functionName,
    image: Type.String({ minLength: 1 }),
    namespace: Type.Optional(Type.String()),
    envProcess: Type.Optional(Type.String()),
    envVars: Type.Optional(nullableMap),
    constraints: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()])),
    secrets: Type.Optional(Type.Union([Type.Array(secretName), Type.Null()])),
    labels: Type.Optional(nullableMap),
    annotations: Type.Optional(nullableMap),
    limits: Type.Optional(Type.Union([resources, Type.Null()])),
    requests: Type.Optional(Type.Union([resources, Type.Null()])),
    readOnlyRootFilesystem: Type.Optional(Type.Boolean()),
    network: Type.Optional(Type.String()),
    registryAuth: Type.Optional(Type.String()),
  },
  // A newer client may send fields that we do not know; the contract is to ignore them.
  { additionalProperties: true },
);
export type FunctionSpec = Static<typeof FunctionSpec>;

/** A deployed function as the API shows it; OpenFaaS's FunctionStatus. */
export interface FunctionStatus {
  readonly name: string;
  readonly image: string;
  readonly namespace: string;
  readonly envProcess: string;
  readonly envVars: Readonly<Record<string, string>>;
  readonly constraints: readonly string[];
  readonly secrets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly limits?: FunctionSpec['limits'];
  readonly requests?: FunctionSpec['requests'];
  readonly readOnlyRootFilesystem: boolean;
  readonly replicas: number;
  readonly availableReplicas: number;
  /** RFC 3339. */
  readonly createdAt: string;
  /** Why fewer replicas run than are wanted, or why the last update was undone; absent while all is well. */
  readonly problem?: string;
}
