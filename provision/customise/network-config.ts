import type { Addressing } from '../addressing.ts';
import { renderYaml } from './cloud-yaml.ts';
import type { NodeSetup, Wifi } from './node-setup.ts';

/**
 * cloud-init's `network-config`: netplan, version 2. Because it takes the place of the image's own, Ethernet is always in it;
 * no port is waited for at the boot.
 */
export function renderNetworkConfig({
  wifi,
  wifiCountry,
  addressing,
}: Pick<NodeSetup, 'wifi' | 'wifiCountry' | 'addressing'>): string {
  const wired = wifi === undefined ? renderAddressing(addressing) : { dhcp4: true };
  return renderYaml({
    network: {
      version: 2,
      ethernets: { eth0: { ...wired, optional: true } },
      ...(wifi === undefined
        ? {}
        : {
            wifis: {
              wlan0: {
                ...renderAddressing(addressing),
                optional: true,
                'regulatory-domain': wifiCountry,
                'access-points': renderAccessPoint(wifi),
              },
            },
          }),
    },
  });
}

/** What stays of it after the first boot: it is read again at every boot, and would show the Wi-Fi's key to every user. */
export function renderUsedNetworkConfig(): string {
  return renderYaml({
    network: { version: 2, ethernets: { eth0: { dhcp4: true, optional: true } } },
  });
}

/** `fromEntries`, because any text can be an SSID, `__proto__` too. */
function renderAccessPoint({ ssid, psk, isHidden }: Wifi): object {
  return Object.fromEntries([[ssid, { password: psk, ...(isHidden ? { hidden: true } : {}) }]]);
}

function renderAddressing(addressing: Addressing): object {
  if (addressing.kind === 'dhcp') return { dhcp4: true };
  const { address, gateway, dns } = addressing;
  return {
    dhcp4: false,
    addresses: [address],
    routes: [{ to: 'default', via: gateway }],
    ...(dns.length === 0 ? {} : { nameservers: { addresses: dns } }),
  };
}
