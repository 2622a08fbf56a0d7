import { showBytes } from '../../../provision/disk/disk-info.ts';
import { nameOfTarget } from '../../../provision/disk/target.ts';
import type { FlashEvent, Left } from '../../../provision/flash/flash-batch.ts';
import type { FlashProgress } from '../../../provision/flash/flash-disk.ts';
import { createMeter, type Pace } from '../../../provision/flash/progress-meter.ts';
import type { DownloadProgress } from '../../../provision/image/download/receive.ts';
import type { Clock } from '../../support/clock.ts';
import type { CliContext, Output } from '../context.ts';
import { createLiveLines } from '../live-lines.ts';
import { printable } from '../table.ts';
import { renderBar, renderLine } from './render-progress.ts';

/** Tells how flashing goes: with bars on a terminal, else with lines from time to time, or as JSON for programs. */
export interface FlashReport {
  /** A sentence that a user should read. */
  say(sentence: string): void;
  downloading(progress: DownloadProgress): void;
  show(event: FlashEvent): void;
  /** Nothing of what is on the screen changes any more. */
  end(): void;
}

export interface ReportOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly json: boolean;
}

export function openReport(context: CliContext, { clock, json }: ReportOptions): FlashReport {
  if (json) return jsonReport(context.stdout, clock);
  return context.stderr.isTTY ? barReport(context.stderr, clock) : lineReport(context.stderr, clock);
}

/** One object a line. */
function jsonReport(output: Output, clock: ReportOptions['clock']): FlashReport {
  const print = (value: object): void => void output.write(`${JSON.stringify(value)}\n`);
  const isDue = pacemaker(clock, { everyMs: 500 });
  const paceOf = createMeters(clock);
  return {
    say: (message) => print({ event: 'remark', message }),
    downloading(progress) {
      if (isDue('', 'download')) print({ event: 'download', ...progress });
    },
    show(event) {
      const { node, target, setup } = event.job;
      const of = { node, target: nameOfTarget(target) };
      if (event.kind === 'progress') {
        const { progress } = event;
        const pace = paceOf(node, progress);
        if (isDue(node, progress.stage)) print({ event: 'progress', ...of, ...progress, ...pace });
      } else if (event.kind === 'flashed') {
        const { imageBytes, sha256, files } = event.result;
        const written = files.map(({ path, content }) => ({ path, bytes: Buffer.byteLength(content) }));
        print({ event: 'flashed', ...of, flashId: setup.flashId, imageBytes, sha256, files: written });
      } else {
        const { left, error } = event;
        print({ event: 'failed', ...of, left, error: { code: error.code, message: error.message } });
      }
    },
    end() {},
  };
}

function lineReport(output: Output, clock: ReportOptions['clock']): FlashReport {
  const print = (line: string): void => void output.write(`${printable(line)}\n`);
  const isDue = pacemaker(clock, { everyMs: 10_000, everyTenth: { butAtMostEveryMs: 1_000 } });
  const paceOf = createMeters(clock);
  return {
    say: print,
    downloading(progress) {
      if (isDue('', 'download', ratioOf(progress))) print(renderDownload(progress));
    },
    show(event) {
      if (event.kind !== 'progress') return print(renderEnd(event));
      const { job, progress } = event;
      const pace = paceOf(job.node, progress);
      if (isDue(job.node, progress.stage, progress.ratio)) print(`${job.node} ${renderLine(progress, pace)}`);
    },
    end() {},
  };
}

/** Below the sentences, one line for each card, drawn over and over. */
function barReport(output: Output, clock: ReportOptions['clock']): FlashReport {
  const bars = new Map<string, string>();
  const live = createLiveLines(output);
  const isDue = pacemaker(clock, { everyMs: 100 });
  const paceOf = createMeters(clock);
  const lines = (): string[] => {
    const nameLength = Math.max(...[...bars.keys()].map((name) => name.length), 0);
    return [...bars].map(([name, bar]) => `${name.padEnd(nameLength)}  ${bar}`.trim());
  };
  const draw = (): void => live.draw(lines());
  const print = (line: string): void => live.print(printable(line), lines());
  return {
    say: print,
    downloading(progress) {
      bars.set('', renderDownload(progress));
      if (isDue('', 'download')) draw();
    },
    show(event) {
      const { node } = event.job;
      if (event.kind === 'progress') {
        bars.set(node, renderBar(event.progress, paceOf(node, event.progress)));
        if (isDue(node, event.progress.stage)) draw();
      } else {
        bars.delete(node);
        print(renderEnd(event));
      }
    },
    end() {
      bars.clear();
      draw();
    },
  };
}

function renderEnd(event: Exclude<FlashEvent, { kind: 'progress' }>): string {
  const { node, target } = event.job;
  const name = nameOfTarget(target);
  if (event.kind === 'flashed') return `${node}: written to ${name} and verified`;
  const { error, left } = event;
  const message = error.code === 'CANCELLED' ? 'interrupted' : error.message;
  return `bramble: ${node}: ${message}; ${fateOf(name, { left, isFile: target.kind === 'file' })}`;
}

function fateOf(target: string, { left, isFile }: { left: Left; isFile: boolean }): string {
  switch (left) {
    case 'as it was':
      return isFile ? `${target} was not written` : `the card in ${target} is as it was`;
    case 'unusable':
      return `the card in ${target} is not usable now, flash it again`;
    case 'flashed':
      return `${target} itself is complete`;
    default:
      return left satisfies never;
  }
}

function renderDownload({ receivedBytes, totalBytes }: DownloadProgress): string {
  const total = totalBytes === undefined ? '' : ` of ${showBytes(totalBytes)}`;
  return `downloading the image: ${showBytes(receivedBytes)}${total}`;
}

function ratioOf({ receivedBytes, totalBytes }: DownloadProgress): number {
  return totalBytes === undefined ? 0 : receivedBytes / totalBytes;
}

/** Each node has a meter of its own, which sees all of its progress. */
function createMeters(clock: ReportOptions['clock']): (node: string, progress: FlashProgress) => Pace {
  const meters = new Map<string, ReturnType<typeof createMeter>>();
  return (node, progress) => {
    const meter = meters.get(node) ?? createMeter(clock);
    meters.set(node, meter);
    return meter(progress);
  };
}

interface Beat {
  readonly everyMs: number;
  /** Also when another tenth of the stage is done. */
  readonly everyTenth?: { readonly butAtMostEveryMs: number };
}

/** Whether it is time to tell again how a node is doing: at once when a stage begins, and then from time to time. */
function pacemaker(
  clock: ReportOptions['clock'],
  { everyMs, everyTenth }: Beat,
): (node: string, stage: string, ratio?: number) => boolean {
  const told = new Map<string, { stage: string; atMs: number; tenth: number }>();
  return (node, stage, ratio = 0) => {
    const now = { stage, atMs: clock.monotonicMs(), tenth: Math.floor(ratio * 10) };
    const last = told.get(node);
    const sinceMs = now.atMs - (last?.atMs ?? 0);
    const isFurther = everyTenth && now.tenth > (last?.tenth ?? 0) && sinceMs >= everyTenth.butAtMostEveryMs;
    if (last?.stage === stage && sinceMs < everyMs && !isFurther) return false;
    told.set(node, now);
    return true;
  };
}
