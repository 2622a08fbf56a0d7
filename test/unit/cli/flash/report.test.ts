import { describe, expect, it } from 'vitest';
import type { Target } from '../../../../provision/disk/target.ts';
import type { FlashEvent, FlashJob } from '../../../../provision/flash/flash-batch.ts';
import type { FlashProgress } from '../../../../provision/flash/flash-disk.ts';
import { renderBar, renderDuration, renderLine } from '../../../../src/cli/flash/render-progress.ts';
import { openReport } from '../../../../src/cli/flash/report.ts';
import { BrambleError } from '../../../../src/support/errors.ts';
import { fakeContext, TextSink } from '../../../support/cli-context.ts';
import { nodeSetup } from '../../../support/node-setup.ts';

const totalBytes = 1_000_000_000;
const at = (stage: FlashProgress['stage'], ratio: number): FlashProgress => ({
  ...{ stage, ratio, totalBytes },
  doneBytes: ratio * totalBytes,
});

function job(node: string, target: FlashJob['target'] = { kind: 'file', path: `out/${node}.img` }): FlashJob {
  const open = () => Promise.reject(new Error('not opened here'));
  return { node, target, setup: nodeSetup({ hostName: node }), sshHosts: [], open };
}

const card: Target = {
  kind: 'disk',
  disk: {
    ...{
      path: '/dev/sdb',
      kind: 'disk',
      model: 'a card',
      sizeBytes: 32e9,
      blockBytes: 512,
      connection: 'usb',
    },
    ...{ isRemovable: true, isExternal: true, isReadOnly: false, parts: [], unmountCommand: '' },
  },
};

function openTestReport({ json = false, isTTY = false } = {}) {
  let nowMs = 0;
  const { context, stdout } = fakeContext();
  const stderr = Object.assign(new TextSink(), { isTTY, columns: 60 });
  const report = openReport(
    { ...context, stdout, stderr, setExit: () => {} },
    { clock: { monotonicMs: () => nowMs }, json },
  );
  const show = (event: FlashEvent, afterMs: number) => {
    nowMs += afterMs;
    report.show(event);
  };
  return {
    report,
    stdout,
    stderr,
    show,
    progress: (node: string, progress: FlashProgress, afterMs: number) =>
      show({ kind: 'progress', job: job(node), progress }, afterMs),
  };
}

const flashed: FlashEvent = {
  kind: 'flashed',
  job: job('pi-01'),
  result: {
    imageBytes: totalBytes,
    sha256: 'abc',
    files: [{ path: 'user-data', content: 'the private key', isSecret: true, purpose: 'a test' }],
  },
};
const failed = (left: 'as it was' | 'unusable', target: Target = card): FlashEvent => ({
  kind: 'failed',
  job: job('pi-01', target),
  error: new BrambleError('DISK_FAILED', 'cannot write /dev/sdb'),
  left,
});

describe('progress', () => {
  it('is drawn as a bar with rate and time left', () => {
    expect(renderBar(at('write', 0.25), { bytesPerSecond: 38.2e6, secondsLeft: 72 })).toBe(
      'writing      [######------------------]   25 %  38.2 MB/s  1 min 12 s left',
    );
  });

  it('is told in a line, and of what nobody can measure without figures', () => {
    expect(renderLine(at('verify', 0.999), { bytesPerSecond: 90e6, secondsLeft: 0.4 })).toBe(
      'verifying 99 %, 90.0 MB/s, 1 s left',
    );
    expect(renderLine(at('sync', 1), { bytesPerSecond: undefined, secondsLeft: undefined })).toBe('syncing');
  });

  it.each([
    [0.2, '1 s'],
    [59, '59 s'],
    [200, '3 min 20 s'],
    [3_900, '1 h 5 min'],
  ])('has its %s s left as %s', (seconds, text) => {
    expect(renderDuration(seconds)).toBe(text);
  });
});

describe('without a terminal', () => {
  it('a line comes with each stage, each tenth, or after ten seconds', () => {
    const { progress, stderr } = openTestReport();
    progress('pi-01', at('write', 0), 0);
    progress('pi-01', at('write', 0.15), 500);
    progress('pi-01', at('write', 0.17), 1_000);
    progress('pi-01', at('write', 0.18), 5_000);
    progress('pi-01', at('write', 0.19), 6_000);
    progress('pi-01', at('sync', 1), 10);
    expect(stderr.text.replace(/, .*/g, '').split('\n')).toEqual([
      'pi-01 writing 0 %',
      'pi-01 writing 17 %',
      'pi-01 writing 19 %',
      'pi-01 syncing',
      '',
    ]);
  });

  it('the end of each node is told, with what is in the place now', () => {
    const { show, stderr } = openTestReport();
    const file = job('pi-01').target;
    for (const event of [flashed, failed('unusable'), failed('as it was'), failed('as it was', file)])
      show(event, 0);
    expect(stderr.text.split('\n')).toEqual([
      'pi-01: written to out/pi-01.img and verified',
      'bramble: pi-01: cannot write /dev/sdb; the card in /dev/sdb is not usable now, flash it again',
      'bramble: pi-01: cannot write /dev/sdb; the card in /dev/sdb is as it was',
      'bramble: pi-01: cannot write /dev/sdb; out/pi-01.img was not written',
      '',
    ]);
  });
});

/** How a terminal is told to go up so many lines, and to clear what is below (ECMA-48, CUU and ED). */
function visible(text: string): string {
  return text.replaceAll('\u001b[J', '⌫').replaceAll('\u001b[', '↑').replaceAll('A⌫', '⌫');
}

describe('on a terminal', () => {
  it('bars are drawn over, one below the other, no wider than the screen', () => {
    const { progress, stderr } = openTestReport({ isTTY: true });
    progress('pi-01', at('write', 0), 0);
    progress('pi-02', at('write', 0), 0);
    stderr.text = '';
    progress('pi-01', at('write', 0.5), 200);
    const [first = '', second = '', ...rest] = visible(stderr.text).split('\n');
    expect(first).toMatch(/^↑2⌫pi-01 {2}writing .*50 %/);
    expect(second).toMatch(/^pi-02 {2}writing /);
    expect(rest).toEqual(['']);
    expect(second.length).toBeLessThan(60);
  });

  it('are not drawn more often than the eye sees', () => {
    const { progress, stderr } = openTestReport({ isTTY: true });
    progress('pi-01', at('write', 0), 0);
    stderr.text = '';
    progress('pi-01', at('write', 0.1), 10);
    expect(stderr.text).toBe('');
  });

  it('a sentence goes above them, and what is done leaves', () => {
    const { progress, report, show, stderr } = openTestReport({ isTTY: true });
    progress('pi-01', at('write', 0), 0);
    stderr.text = '';
    report.say('mind the gap');
    expect(visible(stderr.text)).toMatch(/^↑1⌫mind the gap\npi-01 {2}writing/);
    stderr.text = '';
    show(flashed, 0);
    expect(visible(stderr.text)).toBe('↑1⌫pi-01: written to out/pi-01.img and verified\n');
  });
});

describe('for programs', () => {
  it('each event is an object in a line, and secret content is in none', () => {
    const { progress, show, stdout, stderr } = openTestReport({ json: true });
    progress('pi-01', at('write', 0), 0);
    progress('pi-01', at('write', 0.1), 100);
    progress('pi-01', at('write', 0.5), 900);
    for (const event of [flashed, failed('unusable')]) show(event, 0);
    const events = stdout.text
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    const of = { node: 'pi-01', target: 'out/pi-01.img' };
    const write = { event: 'progress', ...of, stage: 'write', totalBytes };
    expect(events).toEqual([
      { ...write, doneBytes: 0, ratio: 0 },
      { ...write, doneBytes: 5e8, ratio: 0.5, bytesPerSecond: 5e8, secondsLeft: 1 },
      {
        ...{ event: 'flashed', ...of, flashId: 'flash-0001', imageBytes: totalBytes, sha256: 'abc' },
        files: [{ path: 'user-data', bytes: 15 }],
      },
      {
        ...{ event: 'failed', node: 'pi-01', target: '/dev/sdb', left: 'unusable' },
        error: { code: 'DISK_FAILED', message: 'cannot write /dev/sdb' },
      },
    ]);
    expect(stderr.text).toBe('');
  });
});
