import type { Colour } from '../cli/paint.ts';
import { printable } from '../cli/table.ts';
import type { Envelope } from '../events/event.ts';

/** One line for people about an event: `motion.detected by pir`, `guard answered 200 in 3 ms: …`. */
export function describeEvent(event: Envelope): string {
  return printable(sentenceAbout(event)); // anybody may publish what then stands on this terminal
}

function sentenceAbout(event: Envelope): string {
  const data = parse(event.data);
  const name = event.topic.split('/').slice(3).join('/') || event.topic;
  switch (event.type) {
    case 'motion.detected':
    case 'motion.cleared':
      return `${event.type} by ${name}`;
    case 'temperature.measured':
      return `${event.type} by ${name}: ${round(data.celsius)} °C`;
    case 'humidity.measured':
      return `${event.type} by ${name}: ${round(data.percent)} %`;
    case 'pressure.measured':
      return `${event.type} by ${name}: ${round(data.hectopascals)} hPa`;
    case 'throttling.changed':
      return `${event.type} by ${name}: ${describeThrottling(data)}`;
    case 'function.finished':
      return `${name} answered ${data.status} in ${round(data.durationMs)} ms${after(': ', answer(data))}`;
    case 'function.failed':
      return `${name} failed after ${data.attempts} attempts: ${short(data.reason)}`;
    case 'function.scaled':
      return `${name} ${describeScale(data)}: ${short(data.explanation)}`;
    case 'function.published':
      return `${event.topic}: ${short(data)}`;
    default:
      return `${event.type} ${event.topic}: ${short(data)}`;
  }
}

function describeScale({ replicas, replicasBefore, frozen }: Record<string, unknown>): string {
  if (replicas !== replicasBefore) return `scaled from ${replicasBefore} to ${replicas}`;
  return frozen === true ? 'frozen' : 'thawed';
}

/** How much an event asks to be looked at: motion stands out, an answer without content steps back. */
export function colourOf(event: Envelope): Colour | undefined {
  switch (event.type) {
    case 'motion.detected':
    case 'throttling.changed':
      return 'yellow';
    case 'function.published':
      return 'bold';
    case 'function.failed':
      return 'red';
    case 'function.finished':
      return answer(parse(event.data)) === '' ? 'dim' : undefined;
    default:
      return undefined;
  }
}

/** Cut to `width` characters, the last of them an ellipsis. */
export function cut(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

const conditions = {
  underVoltage: 'under-voltage',
  frequencyCapped: 'frequency capped',
  throttled: 'throttled',
  softTemperatureLimit: 'soft temperature limit',
} as const;

function describeThrottling(data: Record<string, unknown>): string {
  const present = Object.entries(conditions).filter(([key]) => data[key] === true);
  return present.length === 0 ? 'all well' : present.map(([, words]) => words).join(', ');
}

/** Without what it asked to publish, which comes as events of its own. */
function answer({ result }: Record<string, unknown>): string {
  if (typeof result !== 'object' || result === null || !('publish' in result)) return short(result);
  const { publish: _published, ...rest } = result;
  return Object.keys(rest).length === 0 ? '' : short(rest);
}

function after(separator: string, text: string): string {
  return text === '' ? '' : `${separator}${text}`;
}

function parse(data: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(data).toString());
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Not JSON: shown as text below.
  }
  return { text: Buffer.from(data).toString() };
}

function round(value: unknown): number {
  return Math.round(Number(value) * 10) / 10;
}

function short(value: unknown): string {
  const text = (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
    .replace(/\s+/g, ' ')
    .trim();
  return cut(text, 100);
}
