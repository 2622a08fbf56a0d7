import { expect, it } from 'vitest';
import { namesRegistry } from '../../../src/images/image-name.ts';

it.each([
  'registry.local/hello',
  '192.168.1.21:5000/hello:latest',
  'laptop:5000/me/hello',
  'localhost/hello',
  'ghcr.io/me/hello@sha256:abc',
])('%s says at which registry it is', (image) => {
  expect(namesRegistry(image)).toBe(true);
});

it.each(['hello', 'hello:latest', 'hello.world:1.2', 'me/hello:latest', 'me/team/hello'])(
  '%s does not',
  (image) => {
    expect(namesRegistry(image)).toBe(false);
  },
);
