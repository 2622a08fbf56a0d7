import { describe, expect, it } from 'vitest';
import { checkNodeSetup } from '../../../../provision/customise/check-node-setup.ts';
import type { NodeSetup } from '../../../../provision/customise/node-setup.ts';
import { exampleNodes, examplePsk, nodeSetup } from '../../../support/node-setup.ts';

const { user, addressing } = exampleNodes.static;
const wifi = { ssid: 'Home', psk: examplePsk, isHidden: false };
const refused: [string, Partial<NodeSetup>][] = [
  ['host name', { hostName: 'pi 01' }],
  ['host name', { hostName: '-pi' }],
  ['host name', { hostName: "pi'01" }],
  ['host name', { hostName: 'a'.repeat(64) }],
  ['host name', { hostName: 'pi\n01' }],
  ['user name', { user: { ...user, name: 'root' } }],
  ['user name', { user: { ...user, name: '$(id)' } }],
  ['password hash', { user: { ...user, passwordHash: 'secret' } }],
  ['authorized keys', { user: { ...user, authorizedKeys: [] } }],
  ['authorized keys', { user: { ...user, authorizedKeys: ['ssh-ed25519 AAAA a\nssh-ed25519 BBBB b'] } }],
  ['authorized keys', { user: { ...user, authorizedKeys: ['-----BEGIN OPENSSH PRIVATE KEY-----'] } }],
  ['time zone', { timeZone: '../../etc/passwd' }],
  ['locale', { locale: 'en_GB' }],
  ['keymap', { keymap: 'gb"' }],
  ['Wi-Fi country', { wifi }],
  ['Wi-Fi country', { wifiCountry: 'de' }],
  ['SSID', { wifiCountry: 'DE', wifi: { ...wifi, ssid: 'two\nlines' } }],
  ['SSID', { wifiCountry: 'DE', wifi: { ...wifi, ssid: 'ü'.repeat(17) } }],
  ['SSID', { wifiCountry: 'DE', wifi: { ...wifi, ssid: '\ud800' } }],
  ['Wi-Fi key', { wifiCountry: 'DE', wifi: { ...wifi, psk: 'passphrase' } }],
  ['address', { addressing: { kind: 'static', address: '192.168.1.21', gateway: '192.168.1.1', dns: [] } }],
  ['gateway', { addressing: { kind: 'static', address: '10.0.0.2/8', gateway: 'router', dns: [] } }],
  ['a flash', { flashId: 'a b;c d e f' }],
  ['private host key', { hostKey: { privateKey: 'hidden', publicKey: 'ssh-ed25519 AAAA' } }],
];

describe('checkNodeSetup', () => {
  it('accepts what images can take', () => {
    for (const node of Object.values(exampleNodes)) expect(() => checkNodeSetup(node)).not.toThrow();
    expect(() => checkNodeSetup(nodeSetup({ locale: 'C.UTF-8', timeZone: 'UTC', addressing }))).not.toThrow();
  });

  it.each(refused)('refuses a bad %s: %j', (what, changes) => {
    expect(() => checkNodeSetup(nodeSetup(changes))).toThrow(what);
  });

  it('tells everything that is wrong at once, and no secret', () => {
    const node = nodeSetup({
      keymap: '?',
      user: { ...user, passwordHash: 'hunter2' },
      wifiCountry: 'DE',
      wifi: { ...wifi, psk: 'swordfish' },
      hostKey: { privateKey: 'opensesame', publicKey: 'ssh-ed25519 AAAA' },
    });
    expect(() => checkNodeSetup(node)).toThrow(/keymap.*Wi-Fi key/);
    expect(() => checkNodeSetup(node)).not.toThrow(/hunter2|swordfish|opensesame/);
  });
});
