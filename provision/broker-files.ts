import { pbkdf2Sync } from 'node:crypto';

export interface BrokerOptions {
  /** Serves the network outside with TLS, with certificate and key from the Swarm's secrets. */
  readonly isEncrypted: boolean;
}

/**
 * Mosquitto's configuration. Its queues are not where events are safe (a node's outbox and inbox are), so they are bounded,
 * and written to the disk as often as a memory card bears.
 */
export function renderBrokerConfig({ isEncrypted }: BrokerOptions): string {
  return `# Agents, in the overlay network${isEncrypted ? '' : ', and everybody else, on a port of the node'}
listener 1883
${isEncrypted ? encryptedListener : ''}
allow_anonymous false
password_file /run/secrets/broker-users
acl_file /mosquitto/config/mosquitto.acl

persistence true
persistence_location /mosquitto/data/
autosave_interval 30
# Agents that are gone for good must not be remembered for ever
persistent_client_expiration 14d

# Without it each acknowledgement waits 40 ms for the next packet
set_tcp_nodelay true
max_inflight_messages 100
max_queued_messages 100000
max_queued_bytes 33554432
max_packet_size 1048576

log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages false
`;
}

const encryptedListener = `
# Everybody else, on a port of the node
listener 8883
certfile /run/secrets/broker-certificate
keyfile /run/secrets/broker-key
tls_version tlsv1.2
`;

export interface BrokerAccess {
  readonly agentUser: string;
  readonly deviceUser: string;
  /** Topics that only agents may read and write. */
  readonly internalTopics: readonly string[];
}

/** Agents may do everything; everybody else all but what agents say to each other. */
export function renderBrokerAccess({ agentUser, deviceUser, internalTopics }: BrokerAccess): string {
  return `user ${agentUser}
topic readwrite #

user ${deviceUser}
${internalTopics.map((topic) => `topic deny ${topic}\n`).join('')}topic readwrite #
`;
}

export interface BrokerUser {
  readonly user: string;
  readonly password: string;
  readonly salt: Uint8Array;
}

/** As `mosquitto_passwd` 2.0 hashes them: PBKDF2 with SHA-512. Our passwords are random, so few rounds do. */
const rounds = 101;

/** Mosquitto's password file. */
export function renderBrokerUsers(users: readonly BrokerUser[]): string {
  return users.map(({ user, password, salt }) => `${user}:${hashOf(password, salt)}\n`).join('');
}

function hashOf(password: string, salt: Uint8Array): string {
  const hash = pbkdf2Sync(password, salt, rounds, 64, 'sha512').toString('base64');
  return `$7$${rounds}$${Buffer.from(salt).toString('base64')}$${hash}`;
}
