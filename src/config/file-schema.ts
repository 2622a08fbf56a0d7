import { Type } from 'typebox';
import { ClusterSchema } from './cluster.ts';
import { ConfigSchema } from './schema.ts';

/**
 * All that a bramble.yaml may say: the configuration of agents, and the cluster that they are part of. Agents start without
 * the second half, and do not look at it.
 */
export const FileSchema = Type.Object(
  { ...ConfigSchema.properties, cluster: Type.Optional(ClusterSchema) },
  { additionalProperties: false, $id: 'bramble-yaml', title: 'bramble.yaml: a cluster and its agents' },
);
