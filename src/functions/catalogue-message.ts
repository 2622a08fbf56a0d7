import { type Static, Type } from 'typebox';
import { parseJson } from '../support/json.ts';
import { check, invalid } from '../support/schema.ts';
import { FunctionSpec, type FunctionStatus, functionName } from './spec.ts';

const stringMap = Type.Record(Type.String(), Type.String());
const { limits, requests } = FunctionSpec.properties;

// A newer agent may send fields that we do not know: while a cluster is updated both read each other's messages.
const Service = Type.Object({
  image: Type.String(),
  namespace: Type.String(),
  envProcess: Type.String(),
  /** Only the variables that are settings: the values of others may be secret. */
  envVars: stringMap,
  constraints: Type.Array(Type.String()),
  secrets: Type.Array(Type.String()),
  labels: stringMap,
  annotations: stringMap,
  limits,
  requests,
  readOnlyRootFilesystem: Type.Boolean(),
  createdAt: Type.String(),
});

const TaskEndpoint = Type.Object({
  /** Id of the Swarm task. */
  id: Type.String({ minLength: 1 }),
  /** Name of the node it runs on. */
  node: Type.String({ minLength: 1 }),
  address: Type.String({
    pattern: '^([^\\s/:@?#]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}$',
    description: 'host:port',
  }),
  state: Type.Enum(['ready', 'frozen']),
  containerId: Type.String(),
});
/** A replica that is placed, and whether it can take requests. */
export type TaskEndpoint = Static<typeof TaskEndpoint>;

/** A function as every agent needs to know it to serve it: `bramble/all/catalogue/function/<name>`, retained. */
export const CatalogueMessage = Type.Object({
  name: functionName,
  service: Service,
  /** Wanted, ready or not. */
  replicas: Type.Integer({ minimum: 0 }),
  endpoints: Type.Array(TaskEndpoint, { maxItems: 1_000 }),
  /** Grows with each message about the same function, whoever sends it. */
  version: Type.Integer({ minimum: 0 }),
  at: Type.String({ format: 'date-time' }),
});
export type CatalogueMessage = Static<typeof CatalogueMessage>;

/**
 * All functions there are, on `bramble/all/catalogue`, retained. It tells an agent of a removal that it did not hear:
 * a retained message that was emptied is not given to who comes later.
 */
export const CatalogueIndex = Type.Object({
  names: Type.Array(functionName),
  version: Type.Integer({ minimum: 0 }),
});
export type CatalogueIndex = Static<typeof CatalogueIndex>;

export function encodeCatalogue(message: CatalogueMessage | CatalogueIndex): string {
  return JSON.stringify(message);
}

/** Throws INVALID for anything else than a catalogue message about the function `name`. */
export function decodeCatalogue(payload: Uint8Array, name: string): CatalogueMessage {
  const message = check(CatalogueMessage, parse(payload), { what });
  if (message.name !== name)
    throw invalid([{ path: 'name', message: `must be ${name}, as in the topic, not ${message.name}` }], {
      what,
    });
  return message;
}

/** Throws INVALID. */
export function decodeIndex(payload: Uint8Array): CatalogueIndex {
  return check(CatalogueIndex, parse(payload), { what });
}

/** A function as the API shows it, as far as the catalogue tells. */
export function toStatus({ name, service, replicas, endpoints }: CatalogueMessage): FunctionStatus {
  const availableReplicas = endpoints.filter(({ state }) => state === 'ready').length;
  return { ...service, name, replicas, availableReplicas };
}

const what = 'catalogue message';

function parse(payload: Uint8Array): unknown {
  return parseJson(Buffer.from(payload).toString(), { what });
}
