import { describe, expect, it } from 'vitest';
import { derivePsk } from '../../../../provision/customise/wifi-psk.ts';

describe('derivePsk', () => {
  // IEEE 802.11i-2004, annex H.4.2
  it.each([
    ['IEEE', 'password', 'f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e'],
    ['ThisIsASSID', 'ThisIsAPassword', '0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af'],
    [
      'ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ',
      'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
      'becb93866bb8c3832cb777c2f559807c8c59afcb6eae734885001300a981cc62',
    ],
  ])('agrees with the standard for %s', (ssid, passphrase, psk) => {
    expect(derivePsk(ssid, passphrase)).toBe(psk);
  });

  it('takes 64 hex digits as the key itself', () => {
    expect(derivePsk('any', 'AB'.repeat(32))).toBe('ab'.repeat(32));
  });

  it.each(['short77', 'x'.repeat(64), 'Käsekuchen', 'tab\there-it-is'])(
    'refuses %j, and does not say it',
    (text) => {
      expect(() => derivePsk('Home', text)).toThrow(/password of the Wi-Fi Home/);
      expect(() => derivePsk('Home', text)).not.toThrow(text);
    },
  );
});
