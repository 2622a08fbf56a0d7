import { describe, expect, it } from 'vitest';
import { renderLogLine } from '../../../src/cli/commands/logs.ts';
import { renderData } from '../../../src/cli/event-data.ts';
import { createPaint } from '../../../src/cli/paint.ts';
import { renderError } from '../../../src/cli/run.ts';
import { renderAge, renderFacts, renderTable } from '../../../src/cli/table.ts';
import { describeEvent } from '../../../src/dev/lines.ts';
import type { Envelope } from '../../../src/events/event.ts';
import { BrambleError, toBrambleError } from '../../../src/support/errors.ts';
import { buildEvent } from '../../support/store-values.ts';

describe('renderTable', () => {
  it('aligns columns two spaces apart, without blanks at line ends', () => {
    const table = renderTable(
      ['NAME', 'READY'],
      [
        ['guard', '1/1'],
        ['a', '0/2'],
      ],
      'none',
    );
    expect(table).toBe('NAME   READY\nguard  1/1\na      0/2\n');
  });

  it('says so when there is nothing', () => {
    expect(renderTable(['NAME'], [], 'Nothing here.')).toBe('Nothing here.\n');
  });

  it('counts characters, not code units', () => {
    expect(renderTable(['A', 'B'], [['🙂', 'x']], '')).toBe('A  B\n🙂  x\n');
  });

  it('does not pass on control characters of a device', () => {
    const table = renderTable(['REASON'], [['bad \u001b[2Jnews\nmore']], '');
    expect(table).toBe('REASON\nbad  [2Jnews more\n');
  });
});

describe('what strangers wrote', () => {
  const nasty = 'a\u001b]0;title\u0007b\u001b[2J\r\u009b1m';

  it('comes without control characters in logs, errors and lines about events', () => {
    const event: Envelope = {
      ...buildEvent({ topic: `bramble/pi/x/${nasty}`, type: nasty }),
      data: Buffer.from(nasty),
    };
    for (const text of [
      renderLogLine(JSON.stringify({ timestamp: 't', instance: 'i', text: nasty })),
      renderLogLine(nasty),
      renderError(new BrambleError('INVALID', nasty), { json: false }),
      describeEvent(event),
      describeEvent({
        ...event,
        type: 'function.finished',
        data: Buffer.from(JSON.stringify({ result: nasty })),
      }),
    ]) {
      expect(text).toContain('title');
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
      expect(text.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    }
  });
});

describe('renderFacts', () => {
  it('leaves out what has no value', () => {
    expect(
      renderFacts([
        ['Name', 'echo'],
        ['Command', ''],
        ['Up', '3 s'],
      ]),
    ).toBe('Name  echo\nUp    3 s\n');
  });
});

describe('renderAge', () => {
  it.each([
    [-5, '0 s'],
    [59_000, '59 s'],
    [61_000, '1 min'],
    [7_300_000, '2 h'],
    [200_000_000, '2 d'],
  ])('%i ms is %s', (ageMs, text) => {
    expect(renderAge(ageMs)).toBe(text);
  });
});

describe('createPaint', () => {
  it('colours a terminal', () => {
    expect(createPaint({ isTTY: true }, {})('red', 'no')).toBe('\u001b[31mno\u001b[0m');
  });

  it.each([
    ['a pipe', { isTTY: false }, {}],
    ['NO_COLOR', { isTTY: true }, { NO_COLOR: '1' }],
    ['a dumb terminal', { isTTY: true }, { TERM: 'dumb' }],
  ])('leaves text plain for %s', (_name, output, env) => {
    expect(createPaint(output, env)('red', 'no')).toBe('no');
  });
});

describe('renderData', () => {
  it.each([
    ['text as it is', { data: 'hello' }, 'hello'],
    ['JSON in one line', { data: { motion: true } }, '{"motion":true}'],
    ['bytes as their number', { data_base64: 'AAEC' }, '(3 bytes, not text)'],
    ['nothing for no data', {}, ''],
  ])('shows %s', (_name, event, text) => {
    expect(renderData(event)).toBe(text);
  });
});

describe('renderError', () => {
  const error = new BrambleError('INVALID', 'stack.yml is not valid: a: is required', {
    problems: [{ path: 'a', message: 'is required' }],
  });

  it('is one sentence for people', () => {
    expect(renderError(error, { json: false })).toBe('bramble: stack.yml is not valid: a: is required\n');
  });

  it('is an object with code, message and problems for programs', () => {
    expect(JSON.parse(renderError(error, { json: true }))).toEqual({
      error: {
        code: 'INVALID',
        message: 'stack.yml is not valid: a: is required',
        problems: [{ path: 'a', message: 'is required' }],
      },
    });
  });

  it('shows where a defect of ours happened', () => {
    const text = renderError(toBrambleError(new TypeError('x is undefined')), { json: false });
    expect(text).toContain('this should not have happened: x is undefined');
    expect(text).toContain('rendering.test.ts');
  });

  it('is one sentence for a defect of the gateway, whose log has the rest', () => {
    const error = new BrambleError('INTERNAL', 'GET /x failed in the gateway');
    expect(renderError(error, { json: false })).toBe('bramble: GET /x failed in the gateway\n');
  });
});
