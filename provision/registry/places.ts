/** Where the cluster's own registry has its things on a node. */
export const registryPlaces = {
  /** On the node that serves it: its configuration, its authority, and `served`, written when all of it is in force. */
  folder: '/etc/bramble/registry',
  /** The images, where Debian's package has them. */
  data: '/var/lib/docker-registry',
  /** On every node: what Docker shows to registries and asks of them, a folder for each address. */
  certificates: '/etc/docker/certs.d',
} as const;

/** The usual one of registries. */
export const registryPort = 5000;
