import { pbkdf2Sync } from 'node:crypto';
import { BrambleError } from '../../src/support/errors.ts';

/**
 * The key of a WPA network in 64 hex digits, from its passphrase; 64 hex digits are taken as the key itself (IEEE 802.11i,
 * annex H.4: PBKDF2 with SHA-1, 4096 rounds, the SSID as salt).
 */
export function derivePsk(ssid: string, passphrase: string): string {
  if (/^[0-9a-f]{64}$/i.test(passphrase)) return passphrase.toLowerCase();
  if (!/^[\x20-\x7e]{8,63}$/.test(passphrase))
    throw new BrambleError(
      'INVALID',
      `cannot use the password of the Wi-Fi ${ssid}: it must be 8 to 63 ASCII characters, or the key in 64 hex digits`,
    );
  return pbkdf2Sync(passphrase, ssid, 4096, 32, 'sha1').toString('hex');
}
