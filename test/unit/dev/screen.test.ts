import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { listenForKeys } from '../../../src/dev/keys.ts';
import { describeEvent } from '../../../src/dev/lines.ts';
import { renderWelcome, Screen } from '../../../src/dev/screen.ts';
import { encodeEvent, toEnvelope } from '../../../src/events/codec.ts';
import type { BrambleEvent } from '../../../src/events/event.ts';

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
};

function output(isTTY: boolean) {
  const written: string[] = [];
  return { written, isTTY, write: (text: string) => written.push(text) };
}

function lineOf(event: BrambleEvent): string {
  return describeEvent(toEnvelope(encodeEvent(event), { id: 'x', time: event.time }));
}

const common = { id: 'e', node: 'n', time: '2026-11-22T05:00:00.000Z' };

describe('Screen', () => {
  it('shows addresses, user and password', () => {
    const text = renderWelcome(welcome, true);
    for (const part of ['1.2.3', 'pi-01', welcome.gatewayUrl, 'admin', 'p4ss', welcome.brokerUrl, 'm motion'])
      expect(text).toContain(part);
  });

  it('writes plain lines and no control codes where there is no terminal', () => {
    const out = output(false);
    const screen = new Screen(out);
    screen.welcome(welcome);
    screen.update({ bar: 'BAR', isMotion: true });
    screen.print('an event');
    screen.close();
    expect(out.written.join('')).not.toContain('\x1b');
    expect(out.written.at(-1)).toBe('an event\n');
  });

  it('keeps the live line below what is printed, and redraws it only on change', () => {
    const out = output(true);
    const screen = new Screen(out);
    screen.update({ bar: 'BAR', celsius: 21.44, isMotion: true });
    screen.update({ celsius: 21.44 });
    expect(out.written).toEqual(['\r\x1b[2K  BAR  21.4 °C  motion! ']);
    screen.print('an event');
    expect(out.written.slice(1)).toEqual(['\r\x1b[2Kan event\n', '\r\x1b[2K  BAR  21.4 °C  motion! ']);
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
    expect(
      lineOf({
        ...common,
        type: 'function.finished',
        function: 'echo',
        eventId: 'e',
        status: 200,
        durationMs: 2.345,
        attempts: 1,
        result: { a: 1 },
        hops: 1,
      }),
    ).toBe('echo answered 200 in 2.3 ms: {"a":1}');
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

  it('cuts long answers', () => {
    const event: BrambleEvent = {
      ...common,
      type: 'function.finished',
      function: 'f',
      eventId: 'e',
      status: 200,
      durationMs: 1,
      attempts: 1,
      result: 'x'.repeat(500),
      hops: 1,
    };
    expect(lineOf(event).length).toBeLessThan(140);
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
