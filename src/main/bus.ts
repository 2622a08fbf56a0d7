import { readFileSync } from 'node:fs';
import type { Bus, Presence } from '../bus/bus.ts';
import type { Config } from '../config/schema.ts';
import { topics } from '../events/topics.ts';
import type { Clock } from '../support/clock.ts';
import { BrambleError, messageOf } from '../support/errors.ts';
import { hideCredentials } from '../support/hide-credentials.ts';
import type { Log } from '../support/log.ts';
import { isLoopback } from '../support/loopback.ts';
import type { Metrics } from '../support/metrics.ts';
import { readSecretFile } from './credentials.ts';

export interface BusParts {
  readonly node: string;
  readonly roles: Config['roles'];
  /** The gateway's, which the embedded broker asks for beyond loopback. */
  readonly credentials: { readonly user: string; readonly password: string };
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The embedded broker, or a client of the configured one; only the one that is used is loaded (10 MB of memory). */
export async function chooseBus(
  mqtt: Config['mqtt'],
  { node, roles, credentials, clock, log, metrics }: BusParts,
): Promise<Bus> {
  // Who only manages serves no events: it must not be counted among the nodes that do.
  const isNode = roles.some((role) => role !== 'control');
  const topic = isNode ? topics.status(node) : topics.control(node);
  const presence: Presence = { topic, online: 'online', offline: 'offline' };
  if (mqtt.url === 'embedded') {
    const { AedesBus } = await import('../bus/bus.aedes.ts');
    const isOpen = isLoopback(mqtt.listen.host);
    return new AedesBus({
      listen: mqtt.listen,
      credentials: isOpen ? undefined : credentials,
      presence,
      log,
      metrics,
    });
  }
  const { MqttBus } = await import('../bus/bus.mqtt.ts');
  return new MqttBus({
    url: mqtt.url,
    clientId: clientIdOf(node),
    username: mqtt.username,
    password: mqtt.passwordFile === undefined ? mqtt.password : readSecretFile(mqtt.passwordFile),
    ca: mqtt.caFile === undefined ? undefined : readAuthority(mqtt.caFile),
    protocol: mqtt.protocol,
    presence,
    clock,
    log,
    metrics,
  });
}

/** Under which the agent of a node is known to the broker. */
export function clientIdOf(node: string): string {
  return `bramble-${node}`;
}

/** Without user and password, for printing. */
export function brokerUrl({ url, listen }: Config['mqtt']): string {
  if (url === 'embedded') return `mqtt://${listen.host}:${listen.port}`;
  return hideCredentials(url);
}

function readAuthority(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (err) {
    throw new BrambleError('CONFIG_INVALID', `cannot read mqtt.caFile ${file}: ${messageOf(err)}`, {
      cause: err,
    });
  }
}
