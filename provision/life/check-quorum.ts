import { BrambleError } from '../../src/support/errors.ts';
import type { SwarmNode } from '../up/phase.ts';

/** Throws CONFLICT when the managers that are left without this node could not decide anything any more. */
export function checkQuorum(leaving: SwarmNode, nodes: readonly SwarmNode[]): void {
  if (leaving.role !== 'manager') return;
  const others = nodes.filter(({ id, role }) => role === 'manager' && id !== leaving.id);
  const there = others.filter(({ isReachable }) => isReachable);
  const needed = Math.floor(others.length / 2) + 1;
  if (others.length === 0)
    throw new BrambleError(
      'CONFLICT',
      `${leaving.hostName} is the only manager; make another node a manager first (role: manager in the file, bramble up), or give up the whole cluster with bramble reset`,
    );
  if (there.length >= needed) return;
  const away = others.filter(({ isReachable }) => !isReachable).map(({ hostName }) => hostName);
  throw new BrambleError(
    'CONFLICT',
    `without ${leaving.hostName} only ${there.length} of ${others.length} managers would be there, and it takes ${needed} to decide anything; bring back ${away.join(', ')} first, or take that down first`,
  );
}
