import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createPaint } from '../../../src/cli/paint.ts';
import { listenForKeys } from '../../../src/dev/keys.ts';
import { colourOf, cut, describeEvent } from '../../../src/dev/lines.ts';
import { logOnto } from '../../../src/dev/log-lines.ts';
import { renderWelcome, Screen } from '../../../src/dev/screen.ts';
import { encodeEvent, toEnvelope } from '../../../src/events/codec.ts';
import type { BrambleEvent, Envelope } from '../../../src/events/event.ts';
import { BrambleError } from '../../../src/support/errors.ts';
import { createLog } from '../../../src/support/log.ts';

const welcome = {
  version: '1.2.3',
  node: 'pi-01',
  gatewayUrl: 'http://127.0.0.1:8080',
  user: 'admin',
  password: 'p4ss',
  passwordFile: 'data/password',
  brokerUrl: 'mqtt://127.0.0.1:1883',
  dataDir: 'data',
  startMs: 123.4,
  isSimulated: true,
};
const plain = createPaint({ isTTY: false }, {});

function output(isTTY: boolean) {
  const written: string[] = [];
  return { written, isTTY, columns: 40, write: (text: string) => written.push(text) };
}

function received(event: BrambleEvent): Envelope {
  return toEnvelope(encodeEvent(event), { id: 'x', time: event.time });
}

function lineOf(event: BrambleEvent): string {
  return describeEvent(received(event));
}

const common = { id: 'e', node: 'n', time: '2026-11-22T05:00:00.000Z' };
const finished = {
  ...common,
  type: 'function.finished',
  function: 'echo',
  eventId: 'e',
  status: 200,
  durationMs: 2.345,
  attempts: 1,
  result: { a: 1 },
  hops: 1,
} as const;

describe('Screen', () => {
  it('shows addresses, user and password', () => {
    const text = renderWelcome(welcome, { isTerminal: true, paint: plain });
    for (const part of ['1.2.3', 'pi-01', welcome.gatewayUrl, 'admin', 'p4ss', welcome.brokerUrl, 'm motion'])
      expect(text).toContain(part);
  });

  it('fits 80 columns', () => {
    const lines = renderWelcome(welcome, { isTerminal: true, paint: plain }).split('\n');
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  });

  it('gives commands that find a gateway on another port', () => {
    const moved = { ...welcome, gatewayUrl: 'http://127.0.0.1:9090' };
    const text = renderWelcome(moved, { isTerminal: true, paint: plain });
    expect(text).toContain('simulate motion -g http://127.0.0.1:9090\n');
  });

  it('offers no sensors to move where they are real', () => {
    const text = renderWelcome({ ...welcome, isSimulated: false }, { isTerminal: true, paint: plain });
    expect(text).toContain('q quit');
    expect(text).not.toContain('motion');
  });

  it('writes plain lines and no control codes where there is no terminal', () => {
    const out = output(false);
    const screen = new Screen(out, plain);
    screen.welcome(welcome);
    screen.update({ bar: 'BAR', isMotion: true });
    screen.print('an event');
    screen.close();
    expect(out.written.join('')).not.toContain('\x1b');
    expect(out.written.at(-1)).toBe('an event\n');
  });

  it('keeps the live line below what is printed, and redraws it only on change', () => {
    const out = output(true);
    const screen = new Screen(out, plain);
    const live = '  BAR  21.4 °C  motion! \x1b[K';
    screen.print('before there is a live line');
    screen.update({ bar: 'BAR', celsius: 21.44, isMotion: true });
    screen.update({ celsius: 21.44 });
    screen.print('an event');
    screen.close();
    screen.print('after it');
    expect(out.written).toEqual([
      '\rbefore there is a live line\x1b[K\n',
      `\r${live}`,
      `\ran event\x1b[K\n${live}`,
      '\r\x1b[K',
      '\rafter it\x1b[K\n',
    ]);
  });

  it('leaves the last column free, so that a full line does not wrap', () => {
    expect(new Screen(output(true), plain).width).toBe(39);
  });
});

describe('a log that shares the terminal', () => {
  it('gives one line for people, with what went wrong', () => {
    const lines: string[] = [];
    const log = createLog('warn', logOnto({ print: (line) => lines.push(line), paint: plain }));
    log.warn({ fn: 'echo', err: new BrambleError('BUS_OFFLINE', 'no broker') }, 'trying again');
    expect(lines).toEqual([
      expect.stringMatching(/^\d\d:\d\d:\d\d {2}warn: trying again fn=echo: no broker$/),
    ]);
  });
});

describe('describeEvent', () => {
  it('says in one line what happened', () => {
    expect(lineOf({ ...common, type: 'motion.detected', sensor: 'pir', sequence: 1 })).toBe(
      'motion.detected by pir',
    );
    expect(
      lineOf({ ...common, type: 'temperature.measured', sensor: 'soc', sequence: 1, celsius: 41.5 }),
    ).toBe('temperature.measured by soc: 41.5 °C');
    expect(lineOf(finished)).toBe('echo answered 200 in 2.3 ms: {"a":1}');
    expect(
      lineOf({
        ...common,
        type: 'function.failed',
        function: 'echo',
        eventId: 'e',
        status: 500,
        attempts: 5,
        reason: 'exit 1',
        hops: 1,
      }),
    ).toBe('echo failed after 5 attempts: exit 1');
  });

  it.each([
    [{ replicas: 5, replicasBefore: 1, frozen: false }, 'echo scaled from 1 to 5: why'],
    [{ replicas: 1, replicasBefore: 1, frozen: true }, 'echo frozen: why'],
    [{ replicas: 1, replicasBefore: 1, frozen: false }, 'echo thawed: why'],
  ])('says how a function was scaled: %j', (change, line) => {
    const scaled = { ...common, ...change, type: 'function.scaled', function: 'echo' } as const;
    expect(lineOf({ ...scaled, reason: 'load', explanation: 'why' })).toBe(line);
  });

  it('says what is wrong with the power', () => {
    const all = {
      underVoltage: false,
      frequencyCapped: false,
      throttled: false,
      softTemperatureLimit: false,
    };
    const event = { ...common, type: 'throttling.changed', sensor: 'soc', sequence: 1 } as const;
    expect(lineOf({ ...event, ...all })).toBe('throttling.changed by soc: all well');
    expect(lineOf({ ...event, ...all, underVoltage: true, throttled: true })).toBe(
      'throttling.changed by soc: under-voltage, throttled',
    );
  });

  it('ends after the time where a function had nothing to say', () => {
    expect(lineOf({ ...finished, result: '' })).toBe('echo answered 200 in 2.3 ms');
    expect(colourOf(received({ ...finished, result: '' }))).toBe('dim');
  });

  it('leaves out of an answer what is published and seen anyway', () => {
    expect(lineOf({ ...finished, result: { alert: 'heat', publish: [{ topic: 'a' }] } })).toBe(
      'echo answered 200 in 2.3 ms: {"alert":"heat"}',
    );
    expect(lineOf({ ...finished, result: { publish: [{ topic: 'a' }] } })).toBe(
      'echo answered 200 in 2.3 ms',
    );
  });

  it('cuts long answers', () => {
    expect(lineOf({ ...finished, result: 'x'.repeat(500) }).length).toBeLessThan(140);
    expect(cut('12345', 4)).toBe('123…');
    expect(cut('1234', 4)).toBe('1234');
  });
});

describe('listenForKeys', () => {
  it('calls the action of a key, quits on q and Ctrl-C, and gives the terminal back', () => {
    const calls: string[] = [];
    const stdin = Object.assign(new EventEmitter(), {
      isTTY: true as const,
      setRawMode: (isRaw: boolean) => calls.push(`raw ${isRaw}`),
      resume: () => calls.push('resume'),
      pause: () => calls.push('pause'),
    });
    const stop = listenForKeys(stdin as never, { m: () => calls.push('motion') }, () => calls.push('quit'));
    stdin.emit('data', Buffer.from('mxq\x03'));
    stop();
    stdin.emit('data', Buffer.from('m'));
    expect(calls).toEqual(['raw true', 'resume', 'motion', 'quit', 'quit', 'raw false', 'pause']);
  });
});
