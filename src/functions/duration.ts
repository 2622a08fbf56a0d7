const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};
const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/**
 * A duration as Go writes it (`1h30m`, `1.5s`, `300ms`) or, as the OpenFaaS watchdogs also take it, bare seconds
 * (`30`), in whole milliseconds. Rounded up, so that a tiny limit never becomes 0, which means "no limit".
 * `undefined` when the text is neither.
 */
export function parseDuration(text: string): number | undefined {
  if (/^\d+$/.test(text)) return finite(Number(text) * 1_000);
  let totalMs = 0;
  let position = 0;
  while (position < text.length) {
    part.lastIndex = position;
    const match = part.exec(text);
    const factor = unitMs[match?.[2] ?? ''];
    if (match === null || factor === undefined) return undefined;
    totalMs += Number(match[1]) * factor;
    position = part.lastIndex;
  }
  return position === 0 ? undefined : finite(Math.ceil(roundedMs(totalMs)));
}

/** Takes away what adding binary fractions leaves behind: 0.1 s is 100 ms, not 100.00000000000001. */
function roundedMs(ms: number): number {
  return Math.round(ms * 1e6) / 1e6;
}

function finite(ms: number): number | undefined {
  return ms <= Number.MAX_SAFE_INTEGER ? ms : undefined;
}
