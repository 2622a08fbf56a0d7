import type { InventoryDocker } from '../inventory.ts';
import type { NodeFacts } from '../up/facts.ts';

/** Where a node's Docker shall come from: as the file says, else from where it came, else from Debian. */
export function sourceFor(
  { docker }: Pick<NodeFacts, 'docker'>,
  { source }: Pick<InventoryDocker, 'source'>,
): 'debian' | 'docker' {
  return source ?? docker?.package?.source ?? 'debian';
}

/** Is the package `5:27.3.1-1~debian.12~bookworm` what is wanted, whole or as `27.3.1`? */
export function isVersion(ofPackage: string, wanted: string): boolean {
  const names = [ofPackage, ofPackage.replace(/^\d+:/, '')];
  return names.some((name) => name === wanted || name.startsWith(`${wanted}-`));
}

/**
 * The repository of a node's distribution. Raspberry Pi OS of 32 bits calls itself Raspbian; Docker has packages of that name
 * until bookworm, and for those who came later Debian's (github.com/docker/docker-install, pull request 565).
 */
export function repositoryFor(
  { id, codename }: Pick<NodeFacts['os'], 'id' | 'codename'>,
  { repository }: Pick<InventoryDocker, 'repository'>,
): string {
  return `${repository}/${id === 'raspbian' && codename === 'bookworm' ? 'raspbian' : 'debian'}`;
}
