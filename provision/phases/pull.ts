import type { InventoryNode } from '../inventory.ts';
import type { Cluster, Phase, Step } from '../up/phase.ts';
import { referenceOf } from './image.ts';
import type { StackWish } from './stack.ts';
import { unverified } from './unverified.ts';

const longestMs = 1_800_000;

/** `$1` is the image. One that is there under this name already is not asked for again. */
const script = 'docker image inspect "$1" >/dev/null 2>&1 || docker pull --quiet "$1"';

/**
 * Every node has the agent's image before Bramble is deployed: all at once, where a rolling update would have them pull one after
 * the other; and a node that cannot have it is told from the others.
 */
export function pull(wish: StackWish): Phase {
  return {
    name: 'pull',
    title: 'Have the nodes pull the image',
    plan: (cluster) => unverified(wish, cluster).map((node) => pullOn(node, wish, cluster)),
  };
}

function pullOn({ name }: InventoryNode, { images }: StackWish, cluster: Cluster): Step {
  const reference = referenceOf(images.agent, cluster);
  return {
    node: name,
    title: `pull ${reference}`,
    async act({ remote, signal }) {
      await remote.run(['sh', '-s', reference], {
        ...{ as: 'root', stdin: script, timeoutMs: longestMs, signal },
      });
    },
  };
}
