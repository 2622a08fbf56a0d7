import { BrambleError } from '../../support/errors.ts';
import type { Engine } from './engine.ts';

/** OpenFaaS's mark of the network that functions are in. */
const networkLabel = 'openfaas=true';

/** Id of the network that functions are to be in: the one of this name, else the one with OpenFaaS's label. */
export async function findNetwork(
  engine: Pick<Engine, 'networks'>,
  name: string | undefined,
): Promise<string> {
  const networks = await engine.networks(name === undefined ? { label: [networkLabel] } : { name: [name] });
  // Docker's filter finds parts of names too.
  const found = networks.find(({ Name }) => name === undefined || Name === name);
  if (found !== undefined) return found.Id;
  const wanted = name === undefined ? `with the label ${networkLabel}` : `named "${name}"`;
  throw new BrambleError(
    'INVALID',
    `the Swarm has no network ${wanted}; create one: docker network create --driver overlay --attachable`,
    { problems: [{ path: 'network', message: 'does not exist' }] },
  );
}
