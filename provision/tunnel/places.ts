/** Where the tunnel has its things on the node that it begins on. */
export const tunnelPlaces = {
  /** Its key, and the pinned key of the host. */
  folder: '/etc/bramble/tunnel',
  unit: '/etc/systemd/system/bramble-tunnel.service',
  /** Who it runs as. */
  user: 'bramble-tunnel',
} as const;
