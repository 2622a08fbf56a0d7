import { expect, it } from 'vitest';
import { repositoryFor } from '../../../../provision/docker/docker-package.ts';

it.each([
  ['debian', 'bookworm', 'debian'],
  ['raspbian', 'bookworm', 'raspbian'],
  ['raspbian', 'trixie', 'debian'],
])('%s %s has its packages in Docker’s repository of %s', (id, codename, distribution) => {
  const repository = 'https://mirror.example.org/linux';
  expect(repositoryFor({ id, codename }, { repository })).toBe(`${repository}/${distribution}`);
});
