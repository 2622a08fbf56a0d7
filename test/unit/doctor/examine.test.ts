import { describe, expect, it } from 'vitest';
import { examine } from '../../../src/doctor/examine.ts';
import { type Check, fail, ok, type Verdict, warn } from '../../../src/doctor/finding.ts';
import { renderFindings } from '../../../src/doctor/render.ts';

const forever = new AbortController().signal;

function check(name: string, run: Check['run']): Check {
  return { name, run };
}

describe('examine', () => {
  it('gives findings in the order of the checks, whichever is done first', async () => {
    let finishFirst: (verdicts: Verdict[]) => void = () => {};
    const first = check('first', () => new Promise((resolve) => (finishFirst = resolve)));
    const second = check('second', async () => {
      finishFirst([ok('late')]);
      return [ok('a'), warn('b', 'do c')];
    });
    expect(await examine([first, second], { limitMs: 5_000, signal: forever })).toEqual([
      { check: 'first', state: 'ok', detail: 'late' },
      { check: 'second', state: 'ok', detail: 'a' },
      { check: 'second', state: 'warn', detail: 'b', advice: 'do c' },
    ]);
  });

  it('turns a throw into a failure', async () => {
    const broken = check('broken', async () => Promise.reject(new Error('EIO')));
    const [finding] = await examine([broken], { limitMs: 5_000, signal: forever });
    expect(finding).toMatchObject({ check: 'broken', state: 'fail', detail: 'EIO' });
  });

  it('does not wait for a check that hangs', async () => {
    const hanging = check('hanging', () => new Promise(() => {}));
    const [finding] = await examine([hanging], { limitMs: 20, signal: forever });
    expect(finding).toMatchObject({ state: 'fail', detail: 'no answer within 0.02 s' });
  });

  it('ends when it is interrupted', async () => {
    const interruption = new AbortController();
    const hanging = check('hanging', () => new Promise(() => {}));
    const examined = examine([hanging], { limitMs: 60_000, signal: interruption.signal });
    interruption.abort(new Error('Ctrl-C'));
    await expect(examined).rejects.toThrow('Ctrl-C');
  });
});

describe('renderFindings', () => {
  it('puts what to do below what is not fine, and counts', () => {
    const findings = [
      { check: 'Node.js', ...ok('v20') },
      { check: 'disk', ...fail('full', 'make room') },
    ];
    expect(renderFindings(findings)).toBe(
      [
        'ok    Node.js  v20',
        'fail  disk     full',
        '               → make room',
        '',
        '1 ok, 0 to look at, 1 to mend',
        '',
      ].join('\n'),
    );
  });

  it('marks the state and nothing else', () => {
    const text = renderFindings([{ check: 'a', ...ok('b') }], (state, word) => `<${state}:${word.trim()}>`);
    expect(text).toMatch(/^<ok:ok> {2}a {2}b\n/);
  });
});
