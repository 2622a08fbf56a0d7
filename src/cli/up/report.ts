import type { StepName, UpEvent } from '../../../provision/up/up-event.ts';
import type { Clock } from '../../support/clock.ts';
import type { CliContext, Output } from '../context.ts';
import { createLiveLines } from '../live-lines.ts';
import { createPaint, type Paint } from '../paint.ts';
import { printable } from '../table.ts';
import { renderTook } from './render-took.ts';

/** Tells how bringing a cluster up goes: with moving lines on a terminal, else with lines, or as JSON for programs. */
export interface UpReport {
  observe(event: UpEvent): void;
  /** A sentence that a user should read. */
  say(sentence: string): void;
  /** Leaves the screen to a question until it is answered. */
  hold<Answer>(ask: () => Promise<Answer>): Promise<Answer>;
  /** Nothing of what is on the screen changes any more. */
  end(): void;
}

export interface ReportOptions {
  readonly clock: Clock;
  readonly json: boolean;
  readonly isVerbose: boolean;
  /** The plan is what was asked for, and no report on the way to it. */
  readonly isPlan: boolean;
}

export function openReport(context: CliContext, options: ReportOptions): UpReport {
  if (options.json) return jsonReport(context.stdout, options);
  if (options.isPlan) return lineReport(context.stdout, createPaint(context.stdout, context.env), options);
  const paint = createPaint(context.stderr, context.env);
  const isLive = context.stderr.isTTY === true && context.env.TERM !== 'dumb';
  return isLive ? liveReport(context.stderr, paint, options) : lineReport(context.stderr, paint, options);
}

/** One object a line. */
function jsonReport(output: Output, { isVerbose }: ReportOptions): UpReport {
  const print = (value: object): void => void output.write(`${JSON.stringify(value)}\n`);
  return {
    observe(event) {
      const { kind, ...rest } = event;
      if (kind === 'step-said' && !isVerbose) return;
      const took = 'tookMs' in event ? { tookMs: Math.round(event.tookMs) } : {};
      const failed =
        'error' in event ? { error: { code: event.error.code, message: event.error.message } } : {};
      print({ event: kind, ...rest, ...took, ...failed });
    },
    say: (message) => print({ event: 'remark', message }),
    hold: (ask) => ask(),
    end: () => {},
  };
}

function lineReport(output: Output, paint: Paint, { isVerbose, isPlan }: ReportOptions): UpReport {
  const print = (line: string): void => void output.write(`${line}\n`);
  return {
    observe(event) {
      if (isPlan && !isVerbose && 'phase' in event && event.phase === 'reach') return;
      const line = renderEvent(event, { paint, isVerbose });
      if (line !== undefined) print(line);
    },
    say: (sentence) => print(printable(sentence)),
    hold: (ask) => ask(),
    end: () => {},
  };
}

const frames = [...'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'];
const frameMs = 100;

/** Below what is done, a line for each step that runs. */
function liveReport(output: Output, paint: Paint, { clock, isVerbose }: ReportOptions): UpReport {
  const lines = createLiveLines(output);
  const running = new Map<string, { step: StepName; sinceMs: number; said: string }>();
  /** What came while the screen was held. */
  let held: string[] | undefined;
  let turn = 0;
  const print = (line: string): void => (held === undefined ? lines.print(line) : void held.push(line));
  const draw = (): void => {
    if (held !== undefined) return;
    const frame = frames[turn % frames.length] ?? '';
    const nameLength = Math.max(...[...running.values()].map(({ step }) => step.node.length), 0);
    lines.draw(
      [...running.values()].map(({ step, sinceMs, said }) => {
        const took = renderTook(clock.monotonicMs() - sinceMs);
        return [`${frame} ${step.node.padEnd(nameLength)}`, took.padStart(5), step.title, said]
          .join('  ')
          .trimEnd();
      }),
    );
  };
  const stop = clock.every(frameMs, () => {
    turn += 1;
    if (running.size > 0) draw();
  });
  const keyOf = ({ node, title }: StepName) => `${node} ${title}`;
  return {
    observe(event) {
      if (event.kind === 'step-started')
        running.set(keyOf(event), { step: event, sinceMs: clock.monotonicMs(), said: '' });
      if (event.kind === 'step-ended') running.delete(keyOf(event));
      if (event.kind === 'node-failed')
        for (const [key, { step }] of running) if (step.node === event.node) running.delete(key);
      const own = event.kind === 'step-said' ? running.get(keyOf(event)) : undefined;
      if (own !== undefined && event.kind === 'step-said') own.said = event.line.trim();
      const line = renderEvent(event, { paint, isVerbose });
      draw();
      if (line !== undefined) print(line);
    },
    say: (sentence) => print(printable(sentence)),
    async hold(ask) {
      lines.draw([]);
      held = [];
      try {
        return await ask();
      } finally {
        const missed = held;
        held = undefined;
        for (const line of missed) lines.print(line);
      }
    },
    end() {
      stop();
      running.clear();
      draw();
    },
  };
}

/** What stays to be read of an event. */
function renderEvent(
  event: UpEvent,
  { paint, isVerbose }: { readonly paint: Paint; readonly isVerbose: boolean },
): string | undefined {
  switch (event.kind) {
    case 'phase-started':
      return event.steps === 0 && !isVerbose ? undefined : paint('bold', event.title);
    case 'phase-ended':
      return event.steps === 0 && isVerbose ? '  nothing to do' : undefined;
    case 'step-started':
      return undefined;
    case 'step-said':
      return isVerbose ? paint('dim', `  ${event.node}: ${printable(event.line)}`) : undefined;
    case 'node-awaited':
      return `  ${event.node}: does not answer; waiting for it for up to ${renderTook(event.forMs)} (--wait)`;
    case 'step-planned':
      return `  ${event.node}: ${printable(event.title)}`;
    case 'step-ended':
      return `  ${event.node}: ${printable(event.title)} ${paint('dim', `(${renderTook(event.tookMs)})`)}`;
    case 'node-failed':
      return paint('red', `  ${withName(event.node, event.error.message)}`);
    default:
      return event satisfies never;
  }
}

/** Most errors of a node begin with its name. */
export function withName(node: string, message: string): string {
  const shown = message.split('\n').map(printable).join('; ');
  return shown.startsWith(node) ? shown : `${node}: ${shown}`;
}
