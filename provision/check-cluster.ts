import type { ClusterConfig, HardwareName, NodeConfig } from '../src/config/cluster.ts';
import type { Config } from '../src/config/schema.ts';
import type { Problem } from '../src/support/errors.ts';
import { isKnownCountry, isKnownTimeZone } from './places.ts';
import { addressesOf, isHostIn, subnetOf } from './subnet.ts';

export interface CheckedConfig extends Pick<Config, 'gauge' | 'motion'> {
  readonly cluster: ClusterConfig;
}

/** Whether the schema found nothing wrong with the value at this path, or around it. */
type IsSound = (path: string) => boolean;

interface PlacedNode {
  readonly node: NodeConfig;
  readonly path: string;
}

/** What the schema cannot say: rules between keys, and names that only the world knows. Looks at nothing that is not sound. */
export function checkCluster(config: CheckedConfig, isSound: IsSound): Problem[] {
  const { cluster } = config;
  const all = Array.isArray(cluster.nodes) ? cluster.nodes : [];
  const nodes = all
    .map((node, i) => ({ node, path: `cluster.nodes.${i}` }))
    .filter(({ path }) => isSound(path));
  return [
    ...(isSound('cluster.timeZone') ? checkTimeZone(cluster.timeZone) : []),
    ...(isSound('cluster.network.wifi') ? checkWifi(cluster.network.wifi) : []),
    ...(isSound('cluster.network.gateway') ? checkAddresses(nodes, cluster.network.gateway) : []),
    ...checkNames(nodes),
    ...(nodes.length > 0 && nodes.length === all.length ? checkManagers(nodes) : []),
    ...nodes.flatMap(({ node, path }) => checkLabels(node, path)),
    ...(isSound('gauge') && isSound('motion') ? nodes.flatMap((one) => checkPins(one, config)) : []),
  ];
}

function checkTimeZone(timeZone: string): Problem[] {
  if (isKnownTimeZone(timeZone)) return [];
  return [
    { path: 'cluster.timeZone', message: `there is no time zone ${timeZone}; write it as Europe/Berlin` },
  ];
}

function checkWifi(wifi: ClusterConfig['network']['wifi']): Problem[] {
  if (wifi === undefined) return [];
  const { ssid, country } = wifi;
  const problems: Problem[] = [];
  // IEEE 802.11 section 9.4.2.2: 0 to 32 octets.
  if (Buffer.byteLength(ssid) > 32)
    problems.push({ path: 'cluster.network.wifi.ssid', message: 'is longer than 32 bytes in UTF-8' });
  if (/\p{Cc}/u.test(ssid))
    problems.push({ path: 'cluster.network.wifi.ssid', message: 'has a control character in it' });
  if (!isKnownCountry(country)) {
    const advice = country === 'UK' ? 'the United Kingdom is GB' : 'Germany is DE, the United States are US';
    problems.push({
      path: 'cluster.network.wifi.country',
      message: `${country} is no country; ${advice}`,
    });
  }
  return problems;
}

function checkAddresses(nodes: readonly PlacedNode[], gateway: string | undefined): Problem[] {
  const fixed = nodes.filter(({ node }) => node.address !== 'dhcp');
  return [
    ...repeated(fixed, ({ node }) => addressesOf(node.address).text, 'address'),
    ...fixed.flatMap((one) => checkAddress(one, gateway)),
  ];
}

function checkAddress({ node: { address }, path }: PlacedNode, gateway: string | undefined): Problem[] {
  const problem = (message: string) => [{ path: `${path}.address`, message }];
  const { text } = addressesOf(address);
  const subnet = subnetOf(address);
  if (gateway === undefined)
    return problem(`a fixed address needs cluster.network.gateway, the router's address in ${subnet}`);
  if (!isHostIn(address, text)) return problem(`${text} is the name or the broadcast address of ${subnet}`);
  if (!isHostIn(address, gateway)) return problem(`the gateway ${gateway} is not in ${subnet}`);
  if (text === gateway) return problem(`${text} is the gateway's`);
  return [];
}

function checkNames(nodes: readonly PlacedNode[]): Problem[] {
  const told = nodes.filter(({ node }) => node.host !== undefined);
  return [
    ...repeated(nodes, ({ node }) => node.name, 'name'),
    ...repeated(told, ({ node }) => node.host?.toLowerCase() ?? '', 'host'),
  ];
}

function repeated(nodes: readonly PlacedNode[], read: (one: PlacedNode) => string, key: string): Problem[] {
  const first = new Map<string, string>();
  return nodes.flatMap((one) => {
    const value = read(one);
    const taken = first.get(value);
    first.set(value, taken ?? one.node.name);
    if (taken === undefined) return [];
    const by = key === 'name' ? 'another node' : taken;
    return [{ path: `${one.path}.${key}`, message: `${value} is taken by ${by}` }];
  });
}

function checkManagers(nodes: readonly PlacedNode[]): Problem[] {
  const count = nodes.filter(({ node }) => node.role === 'manager').length;
  const problem = (message: string) => [{ path: 'cluster.nodes', message }];
  if (count === 0) return problem('no node is a manager; give one of them role: manager');
  if (count % 2 === 0)
    return problem(
      `${count} managers bear no more losses than ${count - 1}, and one more can be lost; make it ${count - 1} or ${count + 1}`,
    );
  return [];
}

function checkLabels({ labels }: NodeConfig, path: string): Problem[] {
  return Object.entries(labels)
    .filter(
      ([key, value]) => !/^[A-Za-z0-9]([-A-Za-z0-9._/]*[A-Za-z0-9])?$/.test(key) || /\p{Cc}/u.test(value),
    )
    .map(([key]) => ({
      path: `${path}.labels`,
      message: `${JSON.stringify(key)} is no label: letters, digits, dots, dashes, and a value of one line`,
    }));
}

/** Those that are not configured: what the boot files give each sensor. */
function pinsOf(name: HardwareName, { gauge, motion }: CheckedConfig): readonly number[] {
  switch (name) {
    case 'blinkt':
      return [gauge.dataGpio, gauge.clockGpio];
    case 'pir':
      return [motion.gpio];
    case 'ds18b20':
      return [4];
    case 'dht11':
    case 'dht22':
      return [22];
    case 'bme280':
    case 'bme680':
      return []; // both on the I²C bus, which others share: see below
    default:
      return name satisfies never;
  }
}

function checkPins({ node, path }: PlacedNode, config: CheckedConfig): Problem[] {
  const takenBy = new Map<number, HardwareName | 'I²C'>();
  if (node.hardware.some((name) => name.startsWith('bme'))) for (const pin of [2, 3]) takenBy.set(pin, 'I²C');
  const problems: Problem[] = [];
  for (const [i, name] of node.hardware.entries()) {
    for (const pin of pinsOf(name, config)) {
      const taken = takenBy.get(pin);
      takenBy.set(pin, taken ?? name);
      if (taken !== undefined)
        problems.push({
          path: `${path}.hardware.${i}`,
          message: `${name} and ${taken} both need pin BCM ${pin}`,
        });
    }
  }
  return problems;
}
