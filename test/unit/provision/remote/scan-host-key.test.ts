import { expect, it } from 'vitest';
import { parseKnownHosts, scanHostKey } from '../../../../provision/remote/scan-host-key.ts';

it.each([
  ['pi-01.local', { name: 'pi-01.local', port: 22 }],
  ['[10.0.0.7]:2222', { name: '10.0.0.7', port: 2222 }],
  ['[fe80::1]:2222', { name: 'fe80::1', port: 2222 }],
  ['pi-01.local,10.0.0.7', { name: 'pi-01.local', port: 22 }],
])('a key that is known for %s is kept for the same host', (names, host) => {
  expect(parseKnownHosts(`${names} ssh-ed25519 AAAA\n`)).toMatchObject({
    host,
    publicKey: 'ssh-ed25519 AAAA',
    fingerprint: expect.stringMatching(/^SHA256:/),
  });
});

it('a file without a key has none', () => {
  expect(parseKnownHosts('')).toBeUndefined();
});

it('says that there is no ssh program', async () => {
  const { signal } = new AbortController();
  const target = { name: 'pi-01', host: '127.0.0.1', user: undefined, port: undefined, knownHosts: [] };
  await expect(scanHostKey(target, { env: { PATH: '/nowhere' }, signal })).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: "cannot run the ssh program: it is not installed here; install OpenSSH's client",
  });
});
