import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { renderNetworkConfig } from '../../../../provision/customise/network-config.ts';
import { exampleNodes, nodeSetup } from '../../../support/node-setup.ts';

describe('renderNetworkConfig', () => {
  it('has Ethernet with DHCP beside the Wi-Fi, and waits for neither', () => {
    const { network } = parse(renderNetworkConfig(exampleNodes.wifi));
    expect(network.ethernets.eth0).toEqual({ dhcp4: true, optional: true });
    expect(network.wifis.wlan0).toMatchObject({ dhcp4: true, optional: true });
  });

  it('keeps Norway a country in YAML 1.1, where a bare NO is false', () => {
    expect(renderNetworkConfig(exampleNodes.wifi)).toContain('regulatory-domain: "NO"');
  });

  it('gives the Wi-Fi the static address, not the port', () => {
    const { network } = parse(
      renderNetworkConfig(nodeSetup({ ...exampleNodes.wifi, addressing: exampleNodes.static.addressing })),
    );
    expect(network.wifis.wlan0.addresses).toEqual(['192.168.1.21/24']);
    expect(network.ethernets.eth0).not.toHaveProperty('addresses');
  });
});
