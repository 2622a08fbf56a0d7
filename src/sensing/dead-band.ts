/** The value that was reported last, and when (monotonic clock). */
export interface Reported {
  readonly value: number;
  readonly atMs: number;
}

export interface DeadBand {
  /** A change of at least so much is reported; with 0, any change. */
  readonly width: number;
  /** An unchanged value is repeated after this time, so that silence means trouble. */
  readonly maxSilenceMs: number;
}

/** Widths are decimal fractions and readings binary ones: 21.2 − 21.0 is a little less than 0.2. */
const rounding = 1e-9;

/** Is `value` news, given what was reported before? The first value always is. */
export function isNews(last: Reported | undefined, now: Reported, band: DeadBand): boolean {
  if (last === undefined || now.atMs - last.atMs >= band.maxSilenceMs) return true;
  const change = Math.abs(now.value - last.value);
  return change > 0 && change + rounding >= band.width;
}
