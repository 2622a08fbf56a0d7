import type { Colour } from '../cli/paint.ts';
import { printable } from '../cli/table.ts';
import type { Screen } from './screen.ts';

/** Levels of pino: https://github.com/pinojs/pino/blob/main/docs/api.md#loggerlevels-object */
const levels = { error: 50, warn: 40 } as const;

/** Where a log goes that shares its terminal with a live line: one line for people, above that line. */
export function logOnto(screen: Pick<Screen, 'print' | 'paint'>): { write(line: string): void } {
  return { write: (line) => screen.print(renderLogLine(line, screen.paint)) };
}

function renderLogLine(line: string, paint: Screen['paint']): string {
  const { level, time, msg, err, reason = err, ...facts } = JSON.parse(line) as Record<string, unknown>; // pino writes objects
  const [name, colour] = nameOf(Number(level));
  const details = Object.entries(facts).map(([key, value]) => ` ${key}=${textOf(value)}`);
  const why = reason === undefined ? '' : `: ${textOf(reason)}`;
  return paint(colour, printable(`${localTime(String(time))}  ${name}: ${msg}${details.join('')}${why}`));
}

function nameOf(level: number): [name: string, colour: Colour] {
  if (level >= levels.error) return ['error', 'red'];
  return level >= levels.warn ? ['warn', 'yellow'] : ['info', 'dim'];
}

/** An error as its message. */
function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return 'message' in value ? String(value.message) : JSON.stringify(value);
}

/** `14:05:09` on the clock of whoever watches. */
export function localTime(iso: string): string {
  return new Date(iso).toTimeString().slice(0, 8);
}
