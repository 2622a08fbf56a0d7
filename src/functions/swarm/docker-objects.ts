import { type Static, type TSchema, Type } from 'typebox';

/** What the Docker Engine (API 1.41 and later) tells, as far as we read it. Fields that we do not know are kept. */
const stringMap = Type.Record(Type.String(), Type.String());

/** Go leaves empty fields out, or writes null. */
function maybe<Schema extends TSchema>(schema: Schema) {
  return Type.Optional(Type.Union([schema, Type.Null()]));
}

export const SecretReference = Type.Object({
  SecretID: Type.String(),
  SecretName: Type.String(),
  File: maybe(
    Type.Object({ Name: Type.String(), UID: Type.String(), GID: Type.String(), Mode: Type.Integer() }),
  ),
});
export type SecretReference = Static<typeof SecretReference>;

const amounts = maybe(Type.Object({ MemoryBytes: maybe(Type.Integer()), NanoCPUs: maybe(Type.Integer()) }));

const TaskTemplate = Type.Object({
  ContainerSpec: Type.Object({
    Image: Type.String(),
    Labels: maybe(stringMap),
    Env: maybe(Type.Array(Type.String())),
    ReadOnly: maybe(Type.Boolean()),
    Secrets: maybe(Type.Array(SecretReference)),
    Mounts: maybe(Type.Array(Type.Unknown())),
    StopGracePeriod: maybe(Type.Integer()),
    Healthcheck: maybe(Type.Object({ Test: maybe(Type.Array(Type.String())) })),
  }),
  Resources: maybe(Type.Object({ Limits: amounts, Reservations: amounts })),
  RestartPolicy: maybe(Type.Unknown()),
  Placement: maybe(Type.Object({ Constraints: maybe(Type.Array(Type.String())) })),
  Networks: maybe(Type.Array(Type.Object({ Target: Type.String() }))),
  ForceUpdate: maybe(Type.Integer()),
});
export type TaskTemplate = Static<typeof TaskTemplate>;

export const ServiceSpec = Type.Object({
  Name: Type.String(),
  Labels: maybe(stringMap),
  TaskTemplate,
  /** Only services with replicas can be functions; a global one has none to count. */
  Mode: Type.Object({ Replicated: Type.Object({ Replicas: Type.Integer() }) }),
  UpdateConfig: maybe(Type.Unknown()),
  RollbackConfig: maybe(Type.Unknown()),
  EndpointSpec: maybe(Type.Unknown()),
});
export type ServiceSpec = Static<typeof ServiceSpec>;

export const SwarmService = Type.Object({
  ID: Type.String(),
  Version: Type.Object({ Index: Type.Integer() }),
  CreatedAt: Type.String(),
  Spec: ServiceSpec,
  PreviousSpec: maybe(Type.Object({ TaskTemplate })),
  UpdateStatus: maybe(Type.Object({ State: maybe(Type.String()), Message: maybe(Type.String()) })),
});
export type SwarmService = Static<typeof SwarmService>;

export const SwarmTask = Type.Object({
  ID: Type.String(),
  ServiceID: Type.String(),
  /** Absent until it is placed. */
  NodeID: maybe(Type.String()),
  Spec: Type.Object({
    ContainerSpec: Type.Unknown(),
    Resources: maybe(Type.Unknown()),
    Networks: maybe(Type.Array(Type.Object({ Target: Type.String() }))),
    ForceUpdate: maybe(Type.Integer()),
  }),
  Status: Type.Object({
    Timestamp: Type.String(),
    State: Type.String(),
    Message: maybe(Type.String()),
    Err: maybe(Type.String()),
    ContainerStatus: maybe(Type.Object({ ContainerID: maybe(Type.String()) })),
  }),
  DesiredState: Type.String(),
  NetworksAttachments: maybe(
    Type.Array(
      Type.Object({
        Network: Type.Object({ ID: Type.String() }),
        /** With the length of the prefix: `10.0.1.5/24`. */
        Addresses: maybe(Type.Array(Type.String())),
      }),
    ),
  ),
});
export type SwarmTask = Static<typeof SwarmTask>;

export const SwarmSecret = Type.Object({
  ID: Type.String(),
  Spec: Type.Object({ Name: Type.String(), Labels: maybe(stringMap) }),
});
export type SwarmSecret = Static<typeof SwarmSecret>;

export const SwarmNode = Type.Object({
  ID: Type.String(),
  Description: Type.Object({ Hostname: Type.String() }),
  /** Of managers only. */
  ManagerStatus: Type.Optional(Type.Object({ Leader: Type.Optional(Type.Boolean()) })),
});
export type SwarmNode = Static<typeof SwarmNode>;

/** What a daemon says of itself. */
export const DaemonInfo = Type.Object({ Swarm: Type.Object({ NodeID: Type.String() }) });

export const SwarmNetwork = Type.Object({ Id: Type.String(), Name: Type.String(), Scope: Type.String() });
export type SwarmNetwork = Static<typeof SwarmNetwork>;
