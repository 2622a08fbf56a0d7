import type { Clock } from '../../support/clock.ts';
import type { Outgoing } from '../bus.ts';
import { MqttConnection } from './mqtt-connection.ts';
import type { ConnectionOptions } from './mqtt-options.ts';

const answerMs = 3_000;

/**
 * Does an MQTT 3.1.1 broker share subscriptions? The protocol has no way to ask, and one that does not know them
 * (aedes) takes `$share/…` for a plain topic, on which nothing ever arrives. So `message`, which must do no harm when
 * repeated, is published and awaited through a shared subscription, over a connection that has no other.
 */
export async function brokerShares(
  options: ConnectionOptions,
  message: Outgoing,
  clock: Clock,
): Promise<boolean> {
  let hear = () => {};
  const heard = new Promise<void>((resolve) => {
    hear = resolve;
  });
  const connection = new MqttConnection({
    ...options,
    clientId: `${options.clientId}-probe`,
    session: 'none',
    presence: undefined,
    onMessage: async () => hear(),
  });
  try {
    await connection.open();
    await connection.subscribe(`$share/probe/${message.topic}`, 1);
    await connection.publish(message);
    return await within(heard, answerMs, clock);
  } catch {
    return false;
  } finally {
    await connection.end();
  }
}

async function within(promise: Promise<void>, ms: number, clock: Clock): Promise<boolean> {
  let cancel = () => {};
  const late = new Promise<boolean>((resolve) => {
    cancel = clock.after(ms, () => resolve(false));
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    cancel();
  }
}
