import { expect, it } from 'vitest';
import { parseSha256 } from '../../../../provision/image/download/published-sha256.ts';

const sha256 = 'ab'.repeat(32);

it.each([
  ['as sha256sum writes it', `${sha256}  2026-01-01-raspios.img.xz\n`],
  ['of a file that was read as binary', `${sha256} *raspios.img.xz\n`],
  ['of a name with a line feed in it', `\\${sha256}  raspios\\n.img.xz\n`],
  ['alone', sha256],
  ['in capitals', `${sha256.toUpperCase()}  raspios.img.xz`],
])('a SHA-256 is found %s', (_, text) => {
  expect(parseSha256(text)).toBe(sha256);
});

it.each([
  ['a page that answers any address', `<!doctype html><p>${sha256}</p>`],
  ['a SHA-512', 'ab'.repeat(64)],
  ['nothing', ''],
])('%s is no SHA-256', (_, text) => {
  expect(parseSha256(text)).toBeUndefined();
});
