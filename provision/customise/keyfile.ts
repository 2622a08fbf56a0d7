import type { Addressing } from '../addressing.ts';
import type { NodeSetup } from './node-setup.ts';

/**
 * NetworkManager's keyfile for the node's connection; `undefined` for Ethernet with DHCP, which NetworkManager does by itself.
 * Who writes it to the disk must give it mode 0600: NetworkManager ignores it otherwise.
 */
export function renderKeyfile({
  wifi,
  addressing,
}: Pick<NodeSetup, 'wifi' | 'addressing'>): string | undefined {
  if (wifi === undefined && addressing.kind === 'dhcp') return undefined;
  const connection = { id: 'bramble', type: wifi === undefined ? 'ethernet' : 'wifi', autoconnect: 'true' };
  return renderGroups({
    connection,
    ...(wifi === undefined
      ? {}
      : {
          wifi: {
            mode: 'infrastructure',
            ssid: asBytes(wifi.ssid),
            ...(wifi.isHidden ? { hidden: 'true' } : {}),
          },
          'wifi-security': { 'key-mgmt': 'wpa-psk', psk: wifi.psk },
        }),
    ipv4: renderIpv4(addressing),
    ipv6: { method: 'auto' },
  });
}

/** A list of bytes is NetworkManager's form for any SSID: no character of it needs escaping. */
function asBytes(ssid: string): string {
  return [...Buffer.from(ssid)].map((byte) => `${byte};`).join('');
}

function renderIpv4(addressing: Addressing): Record<string, string> {
  if (addressing.kind === 'dhcp') return { method: 'auto' };
  const { address, gateway, dns } = addressing;
  return {
    method: 'manual',
    address1: `${address},${gateway}`,
    ...(dns.length === 0 ? {} : { dns: dns.map((server) => `${server};`).join('') }),
  };
}

function renderGroups(groups: Readonly<Record<string, Readonly<Record<string, string>>>>): string {
  return Object.entries(groups)
    .map(([group, entries]) => {
      const lines = Object.entries(entries).map(([key, value]) => `${key}=${value}\n`);
      return `[${group}]\n${lines.join('')}`;
    })
    .join('\n');
}
