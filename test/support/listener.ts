import { matches } from '../../src/events/topics.ts';
import { type BrokerAddress, mosquittoSub } from './mosquitto.ts';

/** A message as a foreign client got it. */
export interface Heard {
  readonly topic: string;
  /** Kept by the broker from before the subscription. */
  readonly isRetained: boolean;
  readonly text: string;
  /** The fields of a JSON object; none for anything else. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface Listening {
  /** What was received so far, oldest first, on the topics that match. */
  heard(filter?: string): readonly Heard[];
  /** The newest message on a topic. */
  last(topic: string): Heard | undefined;
  stop(): Promise<void>;
}

/** Subscribes with `mosquitto_sub`, which knows nothing of Bramble; resolves when the broker has confirmed. */
export async function listen(broker: BrokerAddress, filter: string): Promise<Listening> {
  const sub = await mosquittoSub(broker, ['-q', '1', '-t', filter, '-F', '%r %t\t%p']);
  const heard = (wanted = '#') => sub.lines.map(parse).filter(({ topic }) => matches(wanted, topic));
  return { heard, last: (topic) => heard(topic).at(-1), stop: sub.stop };
}

function parse(line: string): Heard {
  const [, retained, topic = '', text = ''] = /^([01]) ([^\t]*)\t(.*)$/.exec(line) ?? [];
  return { topic, isRetained: retained === '1', text, fields: fieldsOf(text) };
}

function fieldsOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {}; // text of its own, as `online`
  }
}
