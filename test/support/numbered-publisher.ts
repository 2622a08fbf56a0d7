import { Socket } from 'node:net';
import { connect } from 'mqtt';

export interface NumberedPublisher {
  /** Numbers that the broker has acknowledged. */
  readonly acknowledged: ReadonlySet<number>;
  /** Takes no new number; resolves when all that were begun are acknowledged. */
  finish(): Promise<void>;
  /** Breaks off. */
  stop(): Promise<void>;
}

export interface NumberedPublisherOptions {
  readonly port: number;
  readonly topic: string;
  /** So many are on their way at once; the next goes with each acknowledgement. */
  readonly window: number;
  /** May another number go out now? For whoever must not be drowned. */
  readonly hasRoom: () => boolean;
}

/**
 * A foreign MQTT client that publishes 0, 1, 2… at QoS 1 as fast as acknowledgements come, and, as the standard has it,
 * again what was not acknowledged when the connection broke.
 */
export function publishNumbers({
  port,
  topic,
  window,
  hasRoom,
}: NumberedPublisherOptions): NumberedPublisher {
  const acknowledged = new Set<number>();
  const client = connect(`mqtt://127.0.0.1:${port}`, {
    clientId: 'numbers',
    clean: false,
    reconnectPeriod: 20,
    connectTimeout: 2_000,
  });
  client.on('error', () => {}); // it connects again by itself
  let next = 0;
  let underWay = 0;
  let isFinishing = false;
  const pump = () => {
    while (client.connected && !isFinishing && underWay < window && hasRoom()) send(next++);
  };
  const send = (number: number) => {
    underWay += 1;
    client.publish(topic, String(number).padStart(8, '0'), { qos: 1 }, (err) => {
      underWay -= 1;
      if (!err) acknowledged.add(number);
      pump();
    });
  };
  client.on('connect', () => {
    // Otherwise each message would wait for the delayed acknowledgement of the TCP segment before it.
    if (client.stream instanceof Socket) client.stream.setNoDelay(true);
    pump();
  });
  const timer = setInterval(pump, 5);
  return {
    acknowledged,
    async finish() {
      isFinishing = true;
      while (underWay > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    async stop() {
      clearInterval(timer);
      await client.endAsync(true);
    },
  };
}
