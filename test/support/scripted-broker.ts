import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { generate, type Packet, parser } from 'mqtt-packet';

/** One connection that a client has made to a scripted broker. */
export interface ScriptedConnection {
  readonly level: number;
  /** What came so far, CONNECT first. */
  readonly packets: readonly Packet[];
  send(packet: Packet): void;
  hangUp(): void;
}

export interface ScriptedBroker {
  readonly url: string;
  readonly connections: readonly ScriptedConnection[];
  close(): Promise<void>;
}

/**
 * A broker that does what a test says and nothing else: `answer` is called with each packet that comes. It can say what
 * a real one says once in a blue moon.
 */
export async function startScriptedBroker(
  answer: (packet: Packet, connection: ScriptedConnection, index: number) => void,
): Promise<ScriptedBroker> {
  const connections: ScriptedConnection[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const packets: Packet[] = [];
    const incoming = parser();
    let level = 4;
    const connection: ScriptedConnection = {
      get level() {
        return level;
      },
      packets,
      send: (packet) => void socket.write(generate(packet, { protocolVersion: level })),
      hangUp: () => void socket.destroy(),
    };
    const index = connections.push(connection) - 1;
    incoming.on('packet', (packet: Packet) => {
      if (packet.cmd === 'connect') level = packet.protocolVersion ?? 4;
      packets.push(packet);
      answer(packet, connection, index);
    });
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => incoming.parse(chunk));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `mqtt://127.0.0.1:${port}`,
    connections,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a well-behaved broker answers; `changes` are its exceptions, by the command they answer. */
export function obligingly(
  changes: Partial<Record<Packet['cmd'], (packet: Packet, connection: ScriptedConnection) => void>> = {},
): (packet: Packet, connection: ScriptedConnection) => void {
  return (packet, connection) => {
    const change = changes[packet.cmd];
    if (change) change(packet, connection);
    else answerObligingly(packet, connection);
  };
}

function answerObligingly(packet: Packet, connection: ScriptedConnection): void {
  const messageId = packet.messageId ?? 0;
  if (packet.cmd === 'connect')
    connection.send({ cmd: 'connack', sessionPresent: false, ...accepted(connection) });
  if (packet.cmd === 'subscribe') connection.send({ cmd: 'suback', messageId, granted: [1] });
  if (packet.cmd === 'unsubscribe') connection.send({ cmd: 'unsuback', messageId, granted: [0] });
  if (packet.cmd === 'publish' && packet.qos === 1) connection.send({ cmd: 'puback', messageId });
  if (packet.cmd === 'disconnect') connection.hangUp();
}

/** The part of a CONNACK that says yes. */
export function accepted({ level }: ScriptedConnection): { reasonCode: number } | { returnCode: number } {
  return level === 5 ? { reasonCode: 0 } : { returnCode: 0 };
}
