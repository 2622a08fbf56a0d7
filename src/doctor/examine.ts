import { BrambleError, messageOf } from '../support/errors.ts';
import { type Check, type Finding, fail, type Verdict } from './finding.ts';

/** All checks at the same time, each within `limitMs`; findings in the order of the checks. */
export async function examine(
  checks: readonly Check[],
  { limitMs, signal }: { limitMs: number; signal: AbortSignal },
): Promise<readonly Finding[]> {
  const findings = await Promise.all(
    checks.map(async (check) => {
      const verdicts = await runLimited(
        check,
        AbortSignal.any([signal, AbortSignal.timeout(limitMs)]),
        limitMs,
      );
      return verdicts.map((verdict) => ({ check: check.name, ...verdict }));
    }),
  );
  signal.throwIfAborted();
  return findings.flat();
}

/** A check that hangs, such as one of a file on a dead network disk, must not hold up the others. */
async function runLimited(check: Check, signal: AbortSignal, limitMs: number): Promise<readonly Verdict[]> {
  const late = new Promise<never>((_, reject) => {
    const onAbort = () => reject(new BrambleError('UNREACHABLE', `no answer within ${limitMs / 1000} s`));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([check.run(signal), late]);
  } catch (err) {
    return [fail(messageOf(err), 'see the message; run bramble doctor again when it is mended')];
  }
}
