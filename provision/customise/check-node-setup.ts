import { isIPv4 } from 'node:net';
import { BrambleError } from '../../src/support/errors.ts';
import type { NodeSetup } from './node-setup.ts';

/** What a value must be, and whether it is. */
type Check = readonly [what: string, isFulfilled: boolean];

/**
 * Throws CONFIG_INVALID with everything that no image could take, and never with a secret. What passes has no line break and no
 * control character, except in the host key.
 */
export function checkNodeSetup(node: NodeSetup): void {
  const broken = checksOf(node).flatMap(([what, isFulfilled]) => (isFulfilled ? [] : [what]));
  if (broken.length === 0) return;
  throw new BrambleError(
    'CONFIG_INVALID',
    `cannot make boot files for ${JSON.stringify(node.hostName)}: ${broken.join('; ')}`,
  );
}

function checksOf(node: NodeSetup): Check[] {
  return [
    [
      'a host name is 1 to 63 lower-case letters, digits and hyphens, with no hyphen at an end',
      /^(?=.{1,63}$)[a-z0-9]+(-+[a-z0-9]+)*$/.test(node.hostName),
    ],
    ...checksOfUser(node),
    [
      'a time zone is a name like Europe/Berlin',
      /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+){0,2}$/.test(node.timeZone),
    ],
    ['a locale is one in UTF-8, like en_GB.UTF-8', /^(C|[a-z]{2,3}_[A-Z]{2})\.UTF-8$/.test(node.locale)],
    ['a keymap is a layout like gb', /^[a-z]{2,10}$/.test(node.keymap)],
    ...checksOfNetwork(node),
    [
      'a flash is known by 8 to 64 letters, digits and hyphens',
      /^[A-Za-z0-9][A-Za-z0-9-]{7,63}$/.test(node.flashId),
    ],
    [
      'the private host key is a key file of OpenSSH',
      /^-----BEGIN OPENSSH PRIVATE KEY-----\n([A-Za-z0-9+/=]+\n)+-----END OPENSSH PRIVATE KEY-----\n$/.test(
        node.hostKey.privateKey,
      ),
    ],
    [
      'the public host key is an ed25519 key',
      /^ssh-ed25519 [A-Za-z0-9+/]+=*( [\x20-\x7e]*)?$/.test(node.hostKey.publicKey),
    ],
  ];
}

/** userconf of Raspberry Pi OS has the rule for names; crypt(3) the one for hashes. */
function checksOfUser({ user }: NodeSetup): Check[] {
  return [
    [
      'a user name is 1 to 32 lower-case letters, digits and hyphens, begins with a letter and is not root',
      /^[a-z][a-z0-9-]{0,31}$/.test(user.name) && user.name !== 'root',
    ],
    [
      'a password hash is one of SHA-512 crypt',
      user.passwordHash === undefined ||
        /^\$6\$(rounds=\d{4,9}\$)?[./0-9A-Za-z]{1,16}\$[./0-9A-Za-z]{86}$/.test(user.passwordHash),
    ],
    [
      'authorized keys are one or more public keys, each in one line',
      user.authorizedKeys.length > 0 &&
        user.authorizedKeys.every((key) =>
          /^(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/]+=*( \P{Cc}*)?$/u.test(key),
        ),
    ],
  ];
}

function checksOfNetwork({ wifi, wifiCountry, addressing }: NodeSetup): Check[] {
  return [
    [
      'a Wi-Fi country is two capitals, like DE, and is needed for Wi-Fi',
      wifiCountry === undefined ? wifi === undefined : /^[A-Z]{2}$/.test(wifiCountry),
    ],
    ...(wifi === undefined
      ? []
      : ([
          [
            'an SSID is 1 to 32 bytes without control characters',
            /^[^\p{Cc}\p{Cs}]+$/u.test(wifi.ssid) && Buffer.byteLength(wifi.ssid) <= 32,
          ],
          ['a Wi-Fi key is 64 hex digits', /^[0-9a-f]{64}$/.test(wifi.psk)],
        ] satisfies Check[])),
    ...(addressing.kind === 'dhcp'
      ? []
      : ([
          ['an address is one of IPv4 with its prefix, like 192.168.1.21/24', isCidr(addressing.address)],
          ['gateway and DNS are IPv4 addresses', [addressing.gateway, ...addressing.dns].every(isIPv4)],
        ] satisfies Check[])),
  ];
}

function isCidr(text: string): boolean {
  const [address = '', prefix = '', ...more] = text.split('/');
  return isIPv4(address) && /^([1-9]|[12]\d|3[0-2])$/.test(prefix) && more.length === 0;
}
