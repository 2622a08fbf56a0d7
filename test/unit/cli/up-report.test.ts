import { beforeEach, describe, expect, it } from 'vitest';
import { openReport, type UpReport } from '../../../src/cli/up/report.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { BrambleError } from '../../../src/support/errors.ts';
import { fakeContext, TextSink } from '../../support/cli-context.ts';

const install = { phase: 'docker', node: 'pi-01', title: 'install Docker' };
const failure = new BrambleError('REMOTE_FAILED', 'pi-01: no space left');

describe('the report on a terminal', () => {
  let clock: ManualClock;
  let screen: TextSink & { isTTY: boolean; columns: number };
  let report: UpReport;
  beforeEach(() => {
    clock = new ManualClock();
    screen = Object.assign(new TextSink(), { isTTY: true, columns: 60 });
    const { context } = fakeContext({ env: { NO_COLOR: '1' } });
    const options = { clock, json: false, isVerbose: false, isPlan: false };
    report = openReport({ ...context, setExit: () => {}, stderr: screen }, options);
  });

  /** What is below the lines that stay: written since the screen was last cleared to its end. */
  const drawn = () => screen.text.split('\u001b[J').at(-1) ?? '';

  it('shows each step that runs, for how long, and the last that it said', async () => {
    report.observe({ kind: 'step-started', ...install });
    report.observe({ kind: 'step-said', ...install, line: 'unpacking' });
    await clock.advance(3_000);
    expect(drawn()).toMatch(/^\S pi-01 {2}3\.0 s {2}install Docker {2}unpacking\n$/);
  });

  it('keeps a line of what was done', () => {
    report.observe({ kind: 'step-started', ...install });
    report.observe({ kind: 'step-ended', ...install, tookMs: 75_000 });
    expect(drawn()).toBe('  pi-01: install Docker (1 min 15 s)\n');
  });

  it('keeps why a node failed, and shows no step of it any more', async () => {
    report.observe({ kind: 'step-started', ...install });
    report.observe({ kind: 'node-failed', phase: 'docker', node: 'pi-01', error: failure });
    await clock.advance(1_000);
    expect(drawn()).toBe('  pi-01: no space left\n');
  });

  it('has no line that is wider than the terminal', async () => {
    report.observe({ kind: 'step-started', ...install });
    report.observe({ kind: 'step-said', ...install, line: 'x'.repeat(200) });
    await clock.advance(100);
    expect(drawn().length).toBe(60);
  });

  it('leaves the screen to a question, and tells afterwards what it missed', async () => {
    let answer = (_: string) => {};
    const asked = report.hold(() => {
      screen.write('Password: ');
      return new Promise<string>((resolve) => {
        answer = resolve;
      });
    });
    report.observe({ kind: 'step-ended', ...install, tookMs: 0 });
    await clock.advance(1_000);
    expect(drawn()).toBe('Password: ');
    answer('secret');
    expect(await asked).toBe('secret');
    expect(drawn()).toContain('install Docker');
  });

  it('has nothing that runs on when it has ended', () => {
    report.observe({ kind: 'step-started', ...install });
    report.end();
    expect({ timers: clock.pendingTimers, drawn: drawn() }).toEqual({ timers: 0, drawn: '' });
  });
});
