import type { Config } from '../../src/config/schema.ts';
import type { InventoryNode } from '../inventory.ts';

/** The topics of a node that tell how it is. */
export interface NodeTopics {
  status(node: string): string;
  load(node: string): string;
  gauge(node: string): string;
  event(node: string, kind: string, name: string): string;
  sensorStatus(node: string, kind: string, name: string): string;
}

export interface Message {
  readonly topic: string;
  /** Of JSON what it says, else text. */
  readonly data: unknown;
}

interface Sign {
  /** Follows "does not". */
  readonly what: string;
  readonly isSeen: (messages: readonly Message[]) => boolean;
}

export interface SignOptions {
  readonly topics: NodeTopics;
  readonly config: Pick<Config, 'motion' | 'climate'>;
}

/** What is still to be seen on the bus of a node that works: one sentence part each, such as `draw its gauge`. */
export function missingSigns(
  node: Pick<InventoryNode, 'name' | 'hardware'>,
  messages: readonly Message[],
  options: SignOptions,
): string[] {
  return signsOf(node, options)
    .filter(({ isSeen }) => !isSeen(messages))
    .map(({ what }) => what);
}

/** Hardware that tells a temperature. */
const thermometers: readonly string[] = ['ds18b20', 'dht11', 'dht22', 'bme280', 'bme680'];

function signsOf(
  { name, hardware }: Pick<InventoryNode, 'name' | 'hardware'>,
  { topics, config }: SignOptions,
): readonly Sign[] {
  const has = (...names: readonly string[]) => hardware.some((one) => names.includes(one));
  const { motion, climate } = config;
  return [
    { what: 'say that it is online', isSeen: says(topics.status(name), 'online') },
    { what: 'tell its load', isSeen: says(topics.load(name)) },
    ...(has('blinkt') ? [{ what: 'draw its gauge', isSeen: says(topics.gauge(name)) }] : []),
    ...(has('pir') && motion.enabled
      ? [
          {
            what: `find its motion sensor on GPIO ${motion.gpio}`,
            isSeen: says(topics.sensorStatus(name, 'motion', motion.sensor), 'online'),
          },
        ]
      : []),
    ...(climate.enabled
      ? [{ what: 'tell a temperature', isSeen: readsTemperature(name, topics, has(...thermometers)) }]
      : []),
  ];
}

function says(topic: string, data?: unknown): Sign['isSeen'] {
  return (messages) =>
    messages.some((message) => message.topic === topic && (data === undefined || message.data === data));
}

/** Every thermometer that its agent has found was read; one at least where there is said to be one. */
function readsTemperature(name: string, topics: NodeTopics, isRequired: boolean): Sign['isSeen'] {
  const prefix = topics.event(name, 'temperature', '');
  return (messages) => {
    const own = messages.filter(({ topic }) => topic.startsWith(prefix));
    const found = own.flatMap(({ topic, data }) =>
      topic.endsWith('/status') && data === 'online' ? [topic.slice(prefix.length, -'/status'.length)] : [],
    );
    const isRead = (sensor: string) => own.some(({ topic }) => topic === prefix + sensor);
    return found.every(isRead) && (found.length > 0 || !isRequired);
  };
}

/** What came of a stream of server-sent events, one message as JSON in each; the last may be cut. */
export function parseMessages(stream: string): Message[] {
  return stream.split('\n\n').flatMap((event) => {
    const [, json] = /^data: (.*)$/m.exec(event) ?? [];
    const message = json === undefined ? undefined : parse(json);
    return message === undefined ? [] : [message];
  });
}

function parse(json: string): Message | undefined {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== 'object' || value === null || !('topic' in value)) return undefined;
    return { topic: String(value.topic), data: 'data' in value ? value.data : undefined };
  } catch {
    return undefined; // cut in the middle
  }
}
