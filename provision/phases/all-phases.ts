import type { Phase } from '../up/phase.ts';
import { docker } from './docker.ts';
import { image, refuseArchitectures } from './image.ts';
import { labels } from './labels.ts';
import { managers } from './managers.ts';
import { pull } from './pull.ts';
import { registry, trust } from './registry.ts';
import { stack } from './stack.ts';
import { swarm } from './swarm.ts';
import { validate } from './validate.ts';
import { type VerifyWish, verify } from './verify.ts';
import { workers } from './workers.ts';

/** All of what brings a cluster up, in its order. */
export function allPhases(wish: VerifyWish): readonly Phase[] {
  return [
    {
      ...validate,
      refuse: (cluster) => [
        ...(validate.refuse?.(cluster) ?? []),
        ...refuseArchitectures(wish.images, cluster),
      ],
    },
    ...[docker, swarm, managers, workers, labels, registry, trust],
    ...[image(wish.images), pull(wish), stack(wish), verify(wish)],
  ];
}
