import type { Phase } from '../up/phase.ts';
import { join } from './join-swarm.ts';
import { isMember, reached } from './roles.ts';

export const workers: Phase = {
  name: 'workers',
  title: 'Join the workers',
  plan: (cluster) =>
    reached(cluster)
      .filter((node) => node.role === 'worker' && !isMember(node, cluster))
      .map((node) => join(node, cluster)),
};
