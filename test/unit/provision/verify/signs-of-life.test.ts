import { describe, expect, it } from 'vitest';
import { missingSigns, parseMessages } from '../../../../provision/verify/signs-of-life.ts';
import { loadConfig } from '../../../../src/config/load.ts';
import { topics } from '../../../../src/events/topics.ts';

const { config } = loadConfig({ env: {} });
const online = [
  { topic: 'bramble/pi-01/status', data: 'online' },
  { topic: 'bramble/pi-01/load', data: { cpuRatio: 0.1 } },
];
const missing = (
  hardware: Parameters<typeof missingSigns>[0]['hardware'],
  messages: typeof online,
  of = config,
) => missingSigns({ name: 'pi-01', hardware }, messages, { topics, config: of });

describe('what a node that works says', () => {
  it('is that it is online, and its load', () => {
    expect(missing([], online)).toEqual([]);
    expect(missing([], [])).toEqual(['say that it is online', 'tell its load']);
    expect(missing([], [{ topic: 'bramble/pi-01/status', data: 'offline' }])).toContain(
      'say that it is online',
    );
    expect(missing([], [{ topic: 'bramble/pi-02/status', data: 'online' }])).toContain(
      'say that it is online',
    );
  });

  it('is of each piece of hardware that it is said to have that it works', () => {
    expect(missing(['blinkt', 'pir', 'ds18b20'], online)).toEqual([
      'draw its gauge',
      'find its motion sensor on GPIO 17',
      'tell a temperature',
    ]);
    const working = [
      ...online,
      { topic: 'bramble/pi-01/gauge', data: '' },
      { topic: 'bramble/pi-01/motion/pir/status', data: 'online' },
      { topic: 'bramble/pi-01/temperature/28-1/status', data: 'online' },
      { topic: 'bramble/pi-01/temperature/28-1', data: '' },
    ];
    expect(missing(['blinkt', 'pir', 'ds18b20'], working)).toEqual([]);
  });

  it('is a reading of every thermometer that it has found itself', () => {
    const found = [...online, { topic: 'bramble/pi-01/temperature/soc/status', data: 'online' }];
    expect(missing([], found)).toEqual(['tell a temperature']);
    expect(missing([], [...found, { topic: 'bramble/pi-01/temperature/soc', data: '' }])).toEqual([]);
  });

  it('is nothing of sensors that are switched off', () => {
    const off = loadConfig({
      env: { BRAMBLE_MOTION__ENABLED: 'false', BRAMBLE_CLIMATE__ENABLED: 'false' },
    }).config;
    expect(missing(['pir', 'ds18b20'], online, off)).toEqual([]);
  });

  it('is read from a stream that may be cut anywhere', () => {
    const stream =
      ': connected\n\ndata: {"topic":"a","data":"online"}\n\ndata: {"topic":"b","data":{"x":1}}\n\ndata: {"topi';
    expect(parseMessages(stream)).toEqual([
      { topic: 'a', data: 'online' },
      { topic: 'b', data: { x: 1 } },
    ]);
  });
});
