import { showBytes } from '../../../provision/disk/disk-info.ts';
import type { FlashProgress, FlashStage } from '../../../provision/flash/flash-disk.ts';
import type { Pace } from '../../../provision/flash/progress-meter.ts';

const verbs: Readonly<Record<FlashStage, string>> = {
  write: 'writing',
  sync: 'syncing',
  verify: 'verifying',
  customise: 'customising',
};

const barLength = 24;

/** `writing      [######------------------]  25 %  38.2 MB/s  1 min 12 s left`. */
export function renderBar(progress: FlashProgress, pace: Pace): string {
  const filled = progress.stage === 'customise' ? barLength : Math.floor(progress.ratio * barLength);
  const bar = '#'.repeat(filled) + '-'.repeat(barLength - filled);
  return [`${verbs[progress.stage].padEnd(11)}  [${bar}]`, ...figures(progress, pace)].join('  ');
}

/** `writing 25 %, 38.2 MB/s, 1 min 12 s left`. */
export function renderLine(progress: FlashProgress, pace: Pace): string {
  const shown = figures(progress, pace).map((figure) => figure.trim());
  return [verbs[progress.stage], ...(shown.length > 0 ? [shown.join(', ')] : [])].join(' ');
}

function figures({ stage, ratio }: FlashProgress, { bytesPerSecond, secondsLeft }: Pace): string[] {
  if (stage === 'sync' || stage === 'customise') return []; // of these nobody knows how far they are
  return [
    `${String(Math.floor(ratio * 100)).padStart(3)} %`,
    ...(bytesPerSecond === undefined ? [] : [`${showBytes(bytesPerSecond)}/s`]),
    ...(secondsLeft === undefined || ratio >= 1 ? [] : [`${renderDuration(secondsLeft)} left`]),
  ];
}

/** `42 s`, `3 min 20 s`, `1 h 5 min`. */
export function renderDuration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
