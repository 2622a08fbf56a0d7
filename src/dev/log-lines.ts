import type { Colour } from '../cli/paint.ts';
import { printable } from '../cli/table.ts';
import type { Screen } from './screen.ts';

/** Levels of pino: https://github.com/pinojs/pino/blob/main/docs/api.md#loggerlevels-object */
const levels: readonly (readonly [least: number, name: string, colour: Colour])[] = [
  [50, 'error', 'red'],
  [40, 'warn', 'yellow'],
  [0, 'info', 'dim'],
];

/** Where a log goes that shares its terminal with a live line: one line for people, above that line. */
export function logOnto(screen: Pick<Screen, 'print' | 'paint'>): { write(line: string): void } {
  return { write: (line) => screen.print(renderLogLine(line, screen.paint)) };
}

function renderLogLine(line: string, paint: Screen['paint']): string {
  const { level, time, msg, err, ...facts } = JSON.parse(line) as Record<string, unknown>; // pino writes objects
  const [, name, colour] = levels.find(([least]) => Number(level) >= least) ?? levels[2] ?? [0, '', 'dim'];
  const details = Object.entries(facts).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
  const reason = err === undefined ? '' : `: ${reasonOf(err)}`;
  return paint(colour, printable(`${localTime(String(time))}  ${name}: ${msg}${details.join('')}${reason}`));
}

function reasonOf(err: unknown): string {
  if (typeof err !== 'object' || err === null) return String(err);
  return 'message' in err ? String(err.message) : JSON.stringify(err);
}

/** `14:05:09` on the clock of whoever watches. */
export function localTime(iso: string): string {
  return new Date(iso).toTimeString().slice(0, 8);
}
