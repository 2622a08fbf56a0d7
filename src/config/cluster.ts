import { type Static, Type } from 'typebox';

const strict = { additionalProperties: false } as const;

interface TextOptions {
  readonly description: string;
  readonly default?: string;
}

/** A text of a certain form, which `rule` says in words. */
const Text = (pattern: string, rule: string, options: TextOptions) =>
  Type.String({ pattern, patternErrorMessage: `must be ${rule}`, ...options });
const letters = 'small letters, digits and dashes';
const Path = (description: string) => Type.String({ minLength: 1, description });
const Sha256 = (description: string) =>
  Text('^[0-9a-f]{64}$', '64 digits and small letters a to f', { description });
const byte = '(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])';
const ipv4 = `(${byte}\\.){3}${byte}`;
const IpAddress = (description: string) =>
  Text(`^${ipv4}$`, 'an address such as 192.168.1.1', { description });

/** Sensors and displays that a node can be prepared for. */
export const hardwareNames = ['blinkt', 'pir', 'ds18b20', 'dht11', 'dht22', 'bme280', 'bme680'] as const;
export type HardwareName = (typeof hardwareNames)[number];

const ImageObject = Type.Object(
  {
    source: Path('a path or URL'),
    sha256: Type.Optional(Sha256('SHA-256 of the file as it is downloaded')),
    extractedSha256: Type.Optional(Sha256('SHA-256 of the image in it, decompressed')),
  },
  strict,
);

/** A text or an object in one schema: of a union, both parts would refuse what fits neither. */
const ImageSchema = Type.Unsafe<string | Static<typeof ImageObject>>({
  ...ImageObject,
  type: ['string', 'object'],
  minLength: 1,
  description:
    'Raspberry Pi OS: path or URL of an .img, .img.xz, .gz, .zst or .zip; or an object, to give its checksums as well',
});

const UserSchema = Type.Object(
  {
    // As Raspberry Pi OS takes it at its first boot.
    name: Text('^(?!root$)[a-z][-a-z0-9]{0,31}$', `${letters}, a letter first, 32 at most, and not root`, {
      default: 'pi',
      description: 'who logs in, and may use sudo',
    }),
    authorizedKeys: Type.Array(Type.String({ minLength: 1 }), {
      default: ['~/.ssh/id_ed25519.pub'],
      minItems: 1,
      description: 'public SSH keys: files, or lines such as `ssh-ed25519 AAAA…`; SSH takes no password',
    }),
    hasPassword: Type.Boolean({
      default: false,
      description:
        'a password for sudo and the screen: from `BRAMBLE_USER_PASSWORD`, passwordFile or the terminal',
    }),
    passwordFile: Type.Optional(Path('file with that password, readable by you alone')),
  },
  { ...strict, default: {}, description: 'The user of every node' },
);

const WifiSchema = Type.Object(
  {
    ssid: Type.String({ minLength: 1, maxLength: 32, description: 'name of the network, 32 bytes at most' }),
    country: Text('^[A-Z]{2}$', 'two capital letters', {
      description: 'where the nodes are, in two letters (ISO 3166): decides which channels are allowed',
    }),
    hidden: Type.Boolean({ default: false, description: 'the network does not tell its name' }),
    passwordFile: Type.Optional(
      Path(
        'file with its password, readable by you alone; else from `BRAMBLE_WIFI_PASSWORD` or the terminal',
      ),
    ),
  },
  { ...strict, description: 'Wi-Fi; without this section the nodes are on a cable' },
);

const NetworkSchema = Type.Object(
  {
    wifi: Type.Optional(WifiSchema),
    gateway: Type.Optional(IpAddress('the router, for nodes with a fixed address')),
    dns: Type.Optional(
      Type.Array(IpAddress('a name server'), {
        minItems: 1,
        description: 'name servers, for nodes with a fixed address; the gateway unless told',
      }),
    ),
  },
  { ...strict, default: {}, description: 'How nodes are connected' },
);

const SshSchema = Type.Object(
  {
    port: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 65_535,
        description:
          'where nodes answer, seen from this machine; as your ~/.ssh/config says, else 22, unless told',
      }),
    ),
    key: Type.Optional(Path('private key to log in with; your SSH agent and usual keys unless told')),
    jump: Type.Optional(
      Text('^([^@\\s:]+@)?[^@\\s:]+(:[0-9]{1,5})?$', 'of the form user@host:port', {
        description: 'host to go through: user@host:port',
      }),
    ),
  },
  { ...strict, default: {}, description: 'How this machine reaches the nodes' },
);

const DockerSchema = Type.Object(
  {
    source: Type.Optional(
      Type.Enum(['debian', 'docker'], {
        description:
          "where it comes from: Debian's package docker.io, or docker-ce of Docker's own repository; what a node has stays, and else it is Debian's, unless told",
      }),
    ),
    version: Type.Optional(
      Text('^[0-9][0-9A-Za-z.+~:-]*$', 'a version such as 27.3.1, or as apt-cache madison prints it', {
        description:
          'of the package, whole or without its revision (27.3.1), which is then held; the newest that the node knows unless told',
      }),
    ),
    repository: Text(
      '^https?://[-A-Za-z0-9.]+(:[0-9]{1,5})?(/[-A-Za-z0-9._~]+)*$',
      'of the form https://host/path, without a slash at its end',
      {
        default: 'https://download.docker.com/linux',
        description: "Docker's own repository, or a mirror of it, for source docker",
      },
    ),
    // As Docker has published it: https://docs.docker.com/engine/install/debian/
    fingerprint: Text('^[0-9A-F]{40}$', '40 digits and capital letters A to F', {
      default: '9DC858229FC7DD38854AE2D88D81803C0EBFCD88',
      description: "of the key that signs the repository; Docker's unless told",
    }),
  },
  { ...strict, default: {}, description: 'Docker on the nodes' },
);

const AgentSchema = Type.Object(
  {
    image: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'of agent and control: a reference that nodes can pull, or the path of an archive (docker save); built on the first manager unless told',
      }),
    ),
    brokerImage: Type.String({
      default: 'eclipse-mosquitto:2.0.22',
      minLength: 1,
      description: 'of the MQTT broker, in the same two ways',
    }),
  },
  { ...strict, default: {}, description: 'What runs on the nodes' },
);

const NodeSchema = Type.Object(
  {
    // A label as RFC 1123 has it; `all` means every node in topics.
    name: Text(
      '^(?!(?:all|localhost)$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$',
      `${letters}, 63 at most, no dash at an end, and not all or localhost`,
      { description: 'its host name' },
    ),
    role: Type.Enum(['manager', 'worker'], {
      default: 'worker',
      description: 'in the Swarm; one, three or five are managers',
    }),
    address: Text(`^(dhcp|${ipv4}/([1-9]|[12][0-9]|30))$`, 'dhcp, or an address such as 192.168.1.21/24', {
      default: 'dhcp',
      description: '`dhcp`, or a fixed one with its network: 192.168.1.21/24',
    }),
    host: Type.Optional(
      Text('^[A-Za-z0-9]([-A-Za-z0-9.]{0,251}[A-Za-z0-9])?$', 'a host name or an IPv4 address', {
        description: 'where it is reached; its fixed address, or NAME.local, unless told',
      }),
    ),
    wifi: Type.Boolean({ default: true, description: 'false for a node on a cable where others use Wi-Fi' }),
    hardware: Type.Array(Type.Enum([...hardwareNames]), {
      default: [],
      uniqueItems: true,
      description: 'what is attached',
    }),
    labels: Type.Record(Type.String(), Type.String(), {
      default: {},
      description: 'labels of the node in the Swarm, as `room: hall`',
    }),
  },
  strict,
);

/**
 * The `cluster` section of bramble.yaml: which nodes there shall be, and how they are made. For the laptop that makes them;
 * agents are never told.
 */
export const ClusterSchema = Type.Object(
  {
    name: Text('^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$', `${letters}, 32 at most, no dash at an end`, {
      default: 'bramble',
      description: 'name of the cluster',
    }),
    image: Type.Optional(ImageSchema),
    user: UserSchema,
    timeZone: Type.String({ default: 'Etc/UTC', description: 'as `Europe/Berlin`' }),
    locale: Text('^[a-z]{2,3}_[A-Z]{2}\\.UTF-8$', 'of the form en_GB.UTF-8', {
      default: 'en_GB.UTF-8',
      description: 'language and country',
    }),
    keymap: Text('^[a-z]{2,10}$', 'a layout such as gb or de', {
      default: 'gb',
      description: 'keyboard at the screen',
    }),
    watchdog: Type.Boolean({ default: true, description: 'a node that hangs restarts itself' }),
    network: NetworkSchema,
    ssh: SshSchema,
    docker: DockerSchema,
    agent: AgentSchema,
    nodes: Type.Array(NodeSchema, { minItems: 1, description: 'The nodes' }),
  },
  {
    ...strict,
    description:
      'The nodes and how they are made: for the laptop that makes them. Agents ignore it, and no variable or flag sets it',
  },
);

export type ClusterConfig = Static<typeof ClusterSchema>;
export type NodeConfig = ClusterConfig['nodes'][number];
