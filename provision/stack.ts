/** A Compose file, version 3.8, as `docker stack deploy` takes it. */
export type Stack = Readonly<Record<string, unknown>>;

/** Parts of the stack that the Swarm keeps: a secret or a config by the name it has there. */
export interface StackParts {
  /** The gateway's password. */
  readonly gatewayPassword: string;
  /** The agents' password at the broker. */
  readonly brokerPassword: string;
  /** The broker's users with the hashes of their passwords. */
  readonly brokerUsers: string;
  /** The broker's configuration and its access list. */
  readonly brokerConfig: string;
  readonly brokerAccess: string;
  /** The agents' bramble.yaml, where there is one. */
  readonly agentConfig?: string | undefined;
  /** The broker's certificate and key, where it speaks TLS. */
  readonly brokerCertificate?: string | undefined;
  readonly brokerKey?: string | undefined;
}

export interface StackOptions {
  /** Name of the stack, which begins the names of its services. */
  readonly name: string;
  /** Image of agent and control. */
  readonly image: string;
  readonly brokerImage: string;
  /** Ports on every node, and on the broker's. */
  readonly gatewayPort: number;
  readonly brokerPort: number;
  /** Where Docker listens on managers. */
  readonly dockerSocket: string;
  /** Largest packet of the overlay network, where the path between the nodes is narrower than Ethernet. */
  readonly mtu?: number | undefined;
  /** Written on every service, to tell later whether the stack is the wanted one. */
  readonly fingerprint?: string | undefined;
  readonly parts: StackParts;
}

/** The label with the fingerprint. */
export const fingerprintLabel = 'bramble.fingerprint';

/** The label of the node that keeps the broker's data. */
export const brokerLabel = 'bramble.broker';
export const agentUser = 'bramble';
const dataFolder = '/var/lib/bramble';
/** In the containers of agent and control. */
export const gatewayPasswordFile = '/run/secrets/gateway-password';

/**
 * The whole bramble as a stack. Services speak to each other by their full names (`bramble_control`): the underscore keeps
 * them apart from functions, whose names cannot have one, in the network that they share. No service has a virtual address
 * (dnsrr), and ports are published on the nodes themselves, so that nothing needs IPVS.
 */
export function renderStack(options: StackOptions): Stack {
  const { name, mtu, parts } = options;
  const encrypted = parts.brokerCertificate !== undefined && parts.brokerKey !== undefined;
  return {
    version: '3.8',
    services: {
      agent: renderAgent(options),
      control: renderControl(options),
      mosquitto: renderBroker(options, encrypted),
    },
    networks: {
      bramble: {
        name,
        driver: 'overlay',
        attachable: true,
        // By this mark OpenFaaS's tools, and ours, know the network that functions are in.
        labels: { openfaas: 'true' },
        ...(mtu === undefined ? {} : { driver_opts: { 'com.docker.network.driver.mtu': String(mtu) } }),
      },
    },
    volumes: { agent: {}, control: {}, mosquitto: {} },
    secrets: external({
      'gateway-password': parts.gatewayPassword,
      'broker-password': parts.brokerPassword,
      'broker-users': parts.brokerUsers,
      'broker-certificate': parts.brokerCertificate,
      'broker-key': parts.brokerKey,
    }),
    configs: external({
      'mosquitto.conf': parts.brokerConfig,
      'mosquitto.acl': parts.brokerAccess,
      'bramble.yaml': parts.agentConfig,
    }),
  };
}

/** On every node: sensors, gauge and functions. It writes below /sys as root and has no privilege beside that. */
function renderAgent(options: StackOptions) {
  return {
    ...renderProgram(options, ['sense', 'show', 'serve']),
    hostname: '{{.Node.Hostname}}',
    ports: [{ target: 8080, published: options.gatewayPort, mode: 'host' }],
    volumes: [
      { type: 'volume', source: 'agent', target: dataFolder },
      // With what is mounted below it: the host's control groups, through which replicas are frozen.
      { type: 'bind', source: '/sys', target: '/sys' },
    ],
    deploy: {
      ...renderMark(options),
      mode: 'global',
      ...renderRollout(),
      resources: { limits: { memory: '320M' }, reservations: { memory: '96M' } },
    },
  };
}

/** On managers, beside the agent: it alone speaks to Docker, and nobody outside of the network speaks to it. */
function renderControl(options: StackOptions) {
  return {
    ...renderProgram(options, ['control']),
    hostname: '{{.Node.Hostname}}-control',
    volumes: [
      { type: 'volume', source: 'control', target: dataFolder },
      { type: 'bind', source: options.dockerSocket, target: '/var/run/docker.sock' },
    ],
    deploy: {
      ...renderMark(options),
      mode: 'global',
      ...renderRollout(),
      placement: { constraints: ['node.role == manager'] },
      resources: { limits: { memory: '192M' }, reservations: { memory: '64M' } },
    },
  };
}

/** What agent and control have in common. */
function renderProgram({ name, image, parts }: StackOptions, roles: readonly string[]) {
  const configFile = '/etc/bramble/bramble.yaml';
  return {
    image,
    user: '0:0',
    cap_drop: ['ALL'],
    environment: {
      BRAMBLE_ROLES: roles.join(','),
      BRAMBLE_DATA_DIR: dataFolder,
      BRAMBLE_FUNCTIONS__RUNTIME: 'swarm',
      BRAMBLE_FUNCTIONS__NETWORK: name,
      BRAMBLE_CONTROL__URL: `http://tasks.${name}_control:8080`,
      BRAMBLE_GATEWAY__HOST: '0.0.0.0',
      BRAMBLE_GATEWAY__PASSWORD_FILE: gatewayPasswordFile,
      BRAMBLE_MQTT__URL: `mqtt://${name}_mosquitto:1883`,
      BRAMBLE_MQTT__USERNAME: agentUser,
      BRAMBLE_MQTT__PASSWORD_FILE: '/run/secrets/broker-password',
      ...(parts.agentConfig === undefined ? {} : { BRAMBLE_CONFIG: configFile }),
    },
    secrets: [readBy('gateway-password', 0), readBy('broker-password', 0)],
    ...(parts.agentConfig === undefined
      ? {}
      : { configs: [{ source: 'bramble.yaml', target: configFile, mode: 0o444 }] }),
    networks: ['bramble'],
    stop_grace_period: '10s',
  };
}

/** The user of the official image. */
const mosquittoUser = 1883;

/** One broker, always on the node that has its data. */
function renderBroker(options: StackOptions, encrypted: boolean) {
  const { brokerImage, brokerPort } = options;
  return {
    image: brokerImage,
    ports: [{ target: encrypted ? 8883 : 1883, published: brokerPort, mode: 'host' }],
    volumes: [{ type: 'volume', source: 'mosquitto', target: '/mosquitto/data' }],
    configs: [
      { source: 'mosquitto.conf', target: '/mosquitto/config/mosquitto.conf', mode: 0o444 },
      { source: 'mosquitto.acl', target: '/mosquitto/config/mosquitto.acl', mode: 0o444 },
    ],
    secrets: ['broker-users', ...(encrypted ? ['broker-certificate', 'broker-key'] : [])].map((source) =>
      readBy(source, mosquittoUser),
    ),
    networks: ['bramble'],
    healthcheck: {
      // Without a password it is refused, which shows that the broker answers. $$ is Compose's way to write $.
      test: ['CMD-SHELL', 'mosquitto_sub -h 127.0.0.1 -t health -W 4 2>/dev/null; [ $$? -eq 5 ]'],
      interval: '5s',
      timeout: '5s',
      retries: 3,
      start_period: '60s',
    },
    stop_grace_period: '10s',
    deploy: {
      ...renderMark(options),
      replicas: 1,
      endpoint_mode: 'dnsrr',
      placement: { constraints: [`node.labels.${brokerLabel} == true`] },
      restart_policy: restart,
      update_config: update,
      rollback_config: rollback,
      resources: { limits: { memory: '192M' }, reservations: { memory: '32M' } },
    },
  };
}

function renderMark({ fingerprint }: StackOptions) {
  return fingerprint === undefined ? {} : { labels: { [fingerprintLabel]: fingerprint } };
}

/** The wait between attempts is what a broken image costs a Pi. */
const restart = { condition: 'any', delay: '2s' };

/** One node after the other, and back again on all at once when the new one does not get healthy. The port can be taken only once. */
function renderRollout() {
  return {
    endpoint_mode: 'dnsrr',
    restart_policy: restart,
    update_config: { parallelism: 1, ...update },
    rollback_config: { parallelism: 0, ...rollback },
  };
}

const update = { order: 'stop-first', failure_action: 'rollback', monitor: '10s' };
/** Not to stand still half-way where one node fails with what it had before, too. */
const rollback = { order: 'stop-first', failure_action: 'continue' };

function readBy(source: string, user: number) {
  return { source, target: source, uid: String(user), gid: '0', mode: 0o400 };
}

function external(names: Readonly<Record<string, string | undefined>>) {
  return Object.fromEntries(
    Object.entries(names).flatMap(([key, name]) =>
      name === undefined ? [] : [[key, { external: true, name }]],
    ),
  );
}
