import { describe, expect, it } from 'vitest';
import { renderKeyfile } from '../../../../provision/customise/keyfile.ts';
import { examplePsk } from '../../../support/node-setup.ts';

const dhcp = { kind: 'dhcp' } as const;

describe('renderKeyfile', () => {
  it('leaves Ethernet with DHCP to NetworkManager', () => {
    expect(renderKeyfile({ wifi: undefined, addressing: dhcp })).toBeUndefined();
  });

  it('writes an SSID as bytes, whatever its characters', () => {
    const wifi = { ssid: 'a;\\ "', psk: examplePsk, isHidden: false };
    expect(renderKeyfile({ wifi, addressing: dhcp })).toContain('\nssid=97;59;92;32;34;\n');
  });

  it('looks for a hidden network only where it is told to', () => {
    const text = (isHidden: boolean) =>
      renderKeyfile({ wifi: { ssid: 'Home', psk: examplePsk, isHidden }, addressing: dhcp });
    expect(text(true)).toContain('hidden=true');
    expect(text(false)).not.toContain('hidden');
  });

  it('gives a static address its gateway, and leaves DNS out where there is none', () => {
    const addressing = { kind: 'static', address: '10.0.0.2/8', gateway: '10.0.0.1', dns: [] } as const;
    const text = renderKeyfile({ wifi: undefined, addressing });
    expect(text).toContain('method=manual\naddress1=10.0.0.2/8,10.0.0.1\n');
    expect(text).not.toContain('dns');
  });
});
