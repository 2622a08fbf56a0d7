import { dirname, join, resolve } from 'node:path';
import type { ClusterConfig, HardwareName, NodeConfig } from '../src/config/cluster.ts';
import { type ConfigText, readConfigFile } from '../src/config/file.ts';
import { FileSchema } from '../src/config/file-schema.ts';
import { findConflicts } from '../src/config/load.ts';
import { deepFreeze } from '../src/support/deep-freeze.ts';
import { BrambleError, type Problem, systemCode } from '../src/support/errors.ts';
import { findProblems } from '../src/support/schema.ts';
import type { Addressing } from './addressing.ts';
import { readAuthorizedKeys } from './authorized-keys.ts';
import { type CheckedConfig, checkCluster } from './check-cluster.ts';
import { addressesOf } from './subnet.ts';

/** The cluster as bramble.yaml wants it: checked, with every default filled in, paths absolute. Frozen. */
export interface Inventory {
  /** The bramble.yaml that it was read from. */
  readonly file: string;
  readonly name: string;
  readonly image: ImageChoice | undefined;
  readonly user: InventoryUser;
  readonly timeZone: string;
  readonly locale: string;
  readonly keymap: string;
  readonly hasWatchdog: boolean;
  /** Where nodes use Wi-Fi; `isWireless` says of each whether it does. */
  readonly wifi: InventoryWifi | undefined;
  readonly ssh: InventorySsh;
  readonly docker: InventoryDocker;
  readonly agent: InventoryAgent;
  readonly nodes: readonly InventoryNode[];
}

export interface ImageChoice {
  /** An absolute path, or a URL. */
  readonly source: string;
  readonly sha256: string | undefined;
  readonly extractedSha256: string | undefined;
}

export interface InventoryUser {
  readonly name: string;
  /** One line each, as sshd reads them. */
  readonly authorizedKeys: readonly string[];
  readonly hasPassword: boolean;
  readonly passwordFile: string | undefined;
}

export interface InventoryWifi {
  readonly ssid: string;
  readonly country: string;
  readonly isHidden: boolean;
  readonly passwordFile: string | undefined;
}

export interface InventorySsh {
  /** `undefined`: as ~/.ssh/config says, else 22. */
  readonly port: number | undefined;
  readonly key: string | undefined;
  /** `user@host:port`. */
  readonly jump: string | undefined;
}

export interface InventoryDocker {
  /** `undefined`: what a node has stays, and else it is Debian's. */
  readonly source: 'debian' | 'docker' | undefined;
  /** Of the package, whole or without its revision; `undefined`: the newest that a node knows. */
  readonly version: string | undefined;
  /** Docker's, or a mirror of it: `https://download.docker.com/linux`. */
  readonly repository: string;
  /** Of the key that signs it: 40 hexadecimal digits. */
  readonly fingerprint: string;
}

export interface InventoryAgent {
  /** References of a registry, or absolute paths of archives; `undefined`: built on the cluster. */
  readonly image: string | undefined;
  readonly brokerImage: string;
}

export interface InventoryNode {
  readonly name: string;
  readonly role: 'manager' | 'worker';
  /** A name or an address. */
  readonly host: string;
  readonly addressing: Addressing;
  readonly isWireless: boolean;
  readonly hardware: readonly HardwareName[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface InventorySources {
  /** A bramble.yaml; what it names is looked for from its folder. */
  readonly file: string;
  /** What `~` stands for. */
  readonly home: string;
}

/** Throws CONFIG_INVALID with every problem of the file at once, each with its line, its path, and what to do. */
export function loadInventory({ file, home }: InventorySources): Inventory {
  return readInventory(readText(file), home);
}

function readText(file: string): ConfigText {
  try {
    return readConfigFile(file);
  } catch (err) {
    if (!(err instanceof BrambleError) || systemCode(err.cause) !== 'ENOENT') throw err;
    throw new BrambleError('CONFIG_INVALID', `there is no ${file}; bramble init makes one`, { cause: err });
  }
}

/** More are not all listed, so that what else is sound is not known. */
const maxBroken = 30;

/** The same for a text that was read already. */
export function readInventory(text: ConfigText, home: string): Inventory {
  const { tree, path: file } = text;
  const absolute = (path: string) => resolvePath(path, { file, home });
  const broken = findBroken(tree);
  const isSound = (path: string) =>
    !broken.some((one) => isWithin(one.path, path) || isWithin(path, one.path));
  if (broken.length > maxBroken || broken.some(({ path }) => path === 'cluster'))
    throw notValid(text, broken);
  const config = tree as unknown as CheckedConfig; // as far as findBroken found nothing, which checkCluster asks
  const entries = isSound('cluster.user.authorizedKeys') ? config.cluster.user.authorizedKeys : [];
  const keys = readAuthorizedKeys(entries, { path: 'cluster.user.authorizedKeys', absolute });
  const problems = [...broken, ...checkCluster(config, isSound), ...keys.problems];
  if (problems.length > 0) throw notValid(text, problems);
  return deepFreeze(resolveInventory(config.cluster, { file: resolve(file), keys: keys.keys, absolute }));
}

function findBroken(tree: ConfigText['tree']): Problem[] {
  const problems = [...findProblems(FileSchema, tree), ...findConflicts(tree)].map(withAdvice);
  if (tree.cluster !== undefined) return problems;
  return [{ path: 'cluster', message: 'is required; bramble init makes an example of it' }, ...problems];
}

/** A password that somebody wrote down is told where it belongs; the text is not shown. */
function withAdvice(problem: Problem): Problem {
  const [, section = '', key = ''] = /^cluster\.(.*)\.(password|psk|passphrase)$/i.exec(problem.path) ?? [];
  if (key === '') return problem;
  const variable = section === 'user' ? 'BRAMBLE_USER_PASSWORD' : 'BRAMBLE_WIFI_PASSWORD';
  const message = `no password is kept here; set ${variable}, or name a file that has it with passwordFile`;
  return { path: problem.path, message };
}

function isWithin(path: string, outer: string): boolean {
  return path === outer || path.startsWith(`${outer}.`);
}

function notValid({ path: file, lineOf }: ConfigText, problems: readonly Problem[]): BrambleError {
  const placed = problems
    .map((problem) => ({ ...problem, line: lineOf(problem.path) ?? 0 }))
    .sort((a, b) => a.line - b.line);
  const lines = placed.map(
    ({ line, path, message }) => `  ${line === 0 ? '' : `line ${line}: `}${path}: ${message}`,
  );
  return new BrambleError('CONFIG_INVALID', `${file} is not valid:\n${lines.join('\n')}`, {
    problems: placed,
  });
}

interface Readings {
  readonly file: string;
  readonly keys: readonly string[];
  readonly absolute: (path: string) => string;
}

function resolveInventory(cluster: ClusterConfig, { file, keys, absolute }: Readings): Inventory {
  const { name, image, user, timeZone, locale, keymap, watchdog, network, ssh, docker, agent, nodes } =
    cluster;
  const { wifi } = network;
  const fileAt = (path: string | undefined) => (path === undefined ? undefined : absolute(path));
  return {
    ...{ file, name, timeZone, locale, keymap, hasWatchdog: watchdog },
    image: image === undefined ? undefined : chooseImage(image, absolute),
    user: {
      name: user.name,
      authorizedKeys: keys,
      hasPassword: user.hasPassword || user.passwordFile !== undefined,
      passwordFile: fileAt(user.passwordFile),
    },
    wifi: wifi && {
      ssid: wifi.ssid,
      country: wifi.country,
      isHidden: wifi.hidden,
      passwordFile: fileAt(wifi.passwordFile),
    },
    ssh: { port: ssh.port, key: fileAt(ssh.key), jump: ssh.jump },
    docker: {
      source: docker.source,
      version: docker.version,
      repository: docker.repository,
      fingerprint: docker.fingerprint,
    },
    agent: {
      image: agent.image === undefined ? undefined : chooseAgentImage(agent.image, absolute),
      brokerImage: chooseAgentImage(agent.brokerImage, absolute),
    },
    nodes: nodes.map((node) => resolveNode(node, network)),
  };
}

function chooseImage(
  image: NonNullable<ClusterConfig['image']>,
  absolute: Readings['absolute'],
): ImageChoice {
  const { source, sha256, extractedSha256 } =
    typeof image === 'string' ? { source: image, sha256: undefined, extractedSha256: undefined } : image;
  return { source: /^https?:\/\//i.test(source) ? source : absolute(source), sha256, extractedSha256 };
}

/** An archive by its ending or its path; no reference of an image has either. */
export function chooseAgentImage(image: string, absolute: Readings['absolute']): string {
  return /^[./~]|\.tar(\.\w+)?$/.test(image) ? absolute(image) : image;
}

function resolveNode(node: NodeConfig, { wifi, gateway, dns }: ClusterConfig['network']): InventoryNode {
  const { name, role, address, hardware, labels } = node;
  const isFixed = address !== 'dhcp' && gateway !== undefined;
  return {
    ...{ name, role, hardware, labels },
    host: node.host ?? (isFixed ? addressesOf(address).text : `${name}.local`),
    addressing: isFixed ? { kind: 'static', address, gateway, dns: dns ?? [gateway] } : { kind: 'dhcp' },
    isWireless: wifi !== undefined && node.wifi,
  };
}

/** What a bramble.yaml means by a path: seen from its own folder, `~` is the user's. */
export function resolvePath(path: string, { file, home }: InventorySources): string {
  if (path === '~' || path.startsWith('~/')) return join(home, path.slice(1));
  return resolve(dirname(file), path);
}
