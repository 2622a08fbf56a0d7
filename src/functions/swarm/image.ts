import { BrambleError, toBrambleError } from '../../support/errors.ts';
import { invalid } from '../../support/schema.ts';
import type { FunctionSpec } from '../spec.ts';
import type { Engine, RegistryLogin } from './engine.ts';

/** Docker's own grammar is longer; this keeps out what would be another path of its API. */
const reference = /^[a-z0-9][\w.-]*(?:[:/@][\w][\w.-]*)*$/i;

export interface FoundImage {
  /** With the digest that its tag has now, where its registry told. */
  readonly image: string;
  /** Of an image that only the nodes have. */
  readonly imageId: string | undefined;
}

/** Throws INVALID when the image is neither on this node nor to be had from its registry, and says why. */
export async function findImage(
  engine: Pick<Engine, 'imageId' | 'registryDigest'>,
  image: string,
  login: RegistryLogin | undefined,
): Promise<FoundImage> {
  if (!reference.test(image))
    throw invalid([{ path: 'image', message: `is no name of an image: "${image}"` }], { what: 'function' });
  const [local, remote] = await Promise.allSettled([
    engine.imageId(image),
    engine.registryDigest(image, login),
  ]);
  if (remote.status === 'fulfilled')
    return { image: image.includes('@') ? image : `${withTag(image)}@${remote.value}`, imageId: undefined };
  if (local.status === 'fulfilled') return { image, imageId: local.value };
  const reason = toBrambleError(local.reason);
  if (reason.code !== 'NOT_FOUND') throw reason;
  throw new BrambleError(
    'INVALID',
    `image ${image} is neither on this manager nor to be had from its registry (${toBrambleError(remote.reason).message}); push it, or load it on every node`,
    { cause: remote.reason, problems: [{ path: 'image', message: 'cannot be found' }] },
  );
}

/** `registryAuth` of OpenFaaS: base64 of `user:password`. Without it what is configured for the image's registry. */
export function loginFor(
  { image, registryAuth, service }: FunctionSpec,
  configured: Readonly<Record<string, RegistryLogin>>,
): RegistryLogin | undefined {
  if (!registryAuth) return configured[registryOf(image)];
  const [, username, password] = /^([^:]+):(.+)$/s.exec(Buffer.from(registryAuth, 'base64').toString()) ?? [];
  if (username === undefined || password === undefined)
    throw invalid([{ path: 'registryAuth', message: 'must be base64 of user:password' }], {
      what: `function ${service}`,
    });
  return { username, password };
}

/** The first part of a name is a host when it looks like one, else the image is Docker Hub's. */
function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  return isHost ? first : 'docker.io';
}

function withTag(image: string): string {
  return /:[^/]+$/.test(image) ? image : `${image}:latest`;
}
