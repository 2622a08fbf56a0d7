import type { Envelope } from '../events/event.ts';

/** One line for people about an event: `motion.detected pir`, `guard answered 200 in 3 ms: …`. */
export function describeEvent(event: Envelope): string {
  const data = parse(event.data);
  const name = event.topic.split('/').slice(3).join('/') || event.topic;
  switch (event.type) {
    case 'motion.detected':
    case 'motion.cleared':
      return `${event.type} by ${name}`;
    case 'temperature.measured':
      return `${event.type} by ${name}: ${data.celsius} °C`;
    case 'humidity.measured':
      return `${event.type} by ${name}: ${data.percent} %`;
    case 'pressure.measured':
      return `${event.type} by ${name}: ${data.hectopascals} hPa`;
    case 'function.finished':
      return `${name} answered ${data.status} in ${round(data.durationMs)} ms: ${short(data.result)}`;
    case 'function.failed':
      return `${name} failed after ${data.attempts} attempts: ${short(data.reason)}`;
    case 'function.scaled':
      return `${name} ${describeScale(data)}: ${short(data.explanation)}`;
    default:
      return `${event.type} ${event.topic}: ${short(data)}`;
  }
}

function describeScale({ replicas, replicasBefore, frozen }: Record<string, unknown>): string {
  if (replicas !== replicasBefore) return `scaled from ${replicasBefore} to ${replicas}`;
  return frozen === true ? 'frozen' : 'thawed';
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
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
