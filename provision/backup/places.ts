/** On a node, of root alone, and on the disk where Docker's own data are: what is put here was there already. */
export const stagingFolder = '/var/lib/bramble-backup';

/** Names the cluster whose state was put in its place on a node, until its Swarm has begun again: a rerun goes on from here. */
export const restoreMarker = '/var/lib/bramble-restore';
