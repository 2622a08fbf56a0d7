import { describe, expect, it } from 'vitest';
import { parseSettings } from '../../../src/functions/settings.ts';
import type { FunctionSpec } from '../../../src/functions/spec.ts';
import { toBrambleError } from '../../../src/support/errors.ts';
import { scaleLabels } from '../../support/simulate-load.ts';

const parse = (fields: Partial<FunctionSpec> = {}) => parseSettings({ service: 'fn', ...fields });
const annotated = (annotations: Record<string, string>) => parse({ annotations });

function problemsOf(fields: Partial<FunctionSpec>): string[] {
  try {
    parse(fields);
    return [];
  } catch (err) {
    return toBrambleError(err).problems.map(({ path }) => path);
  }
}

describe('settings of a function', () => {
  it('have defaults for all that is not said', () => {
    expect(parse()).toMatchObject({
      triggers: { topics: [], schedule: null },
      delivery: {
        concurrency: 1,
        orderKey: 'none',
        attempts: 5,
        minWaitMs: 1_000,
        maxWaitMs: 60_000,
        ttlMs: 86_400_000,
        queueLimit: 10_000,
        queueWhenFull: 'reject',
        publish: [],
      },
      process: { mode: 'fork', command: [], execTimeoutMs: 30_000, maxInflight: 100, contentType: null },
      scale: {
        min: 1,
        max: 20,
        factor: 20,
        type: 'capacity',
        target: 10,
        downWindowMs: 60_000,
        zero: false,
        zeroDurationMs: 900_000,
        freezeAfterMs: 60_000,
      },
    });
  });

  it('read how a function is scaled', () => {
    const scale = (labels: Record<string, string>, fields: Partial<FunctionSpec> = {}) =>
      parse({ ...fields, labels: scaleLabels(labels) }).scale;
    expect(
      scale({ type: 'rps', factor: '0', zero: 'true', 'zero-duration': '1h', 'down.window': '5m' }),
    ).toMatchObject({
      type: 'rps',
      target: 50,
      factor: 0,
      zero: true,
      zeroDurationMs: 3_600_000,
      downWindowMs: 300_000,
    });
    expect(scale({ min: '0' }).zero).toBe(true);
    expect(scale({ factor: '150' }).factor).toBe(20);
    expect(scale({ type: 'cpu', target: '80' })).toMatchObject({ type: 'capacity', target: 10 });
    expect(annotated({ 'bramble.freeze-after': '5m' }).scale.freezeAfterMs).toBe(300_000);
  });

  it('expect of a replica no more calls at once than it takes', () => {
    const targetOf = (envVars: Record<string, string>, labels = {}) =>
      parse({ envVars, labels }).scale.target;
    expect(targetOf({ max_inflight: '4' })).toBe(4);
    expect(targetOf({ max_inflight: '0' })).toBe(10);
    expect(targetOf({ max_inflight: '4' }, scaleLabels({ type: 'rps', target: '30' }))).toBe(30);
  });

  it('take maps that are null, and values that are empty, as not said', () => {
    expect(parse({ annotations: null, labels: null, envVars: null })).toEqual(parse());
    expect(annotated({ topic: ' ', schedule: '' })).toEqual(parse());
  });

  it('list topic filters without spaces and doubles', () => {
    expect(annotated({ topic: 'a/+, b/#,a/+,' }).triggers.topics).toEqual(['a/+', 'b/#']);
  });

  it('know the pseudo topic of OpenFaaS’s cron connector', () => {
    const { topics, schedule } = annotated({ topic: 'cron-function', schedule: '*/5 * * * *' }).triggers;
    expect(topics).toEqual([]);
    expect(schedule).toEqual({ expression: '*/5 * * * *', timeZone: 'UTC', overlap: 'skip', missed: 'once' });
  });

  it('read how a schedule is to be kept', () => {
    const { schedule } = annotated({
      schedule: '0 30 7 * * MON-FRI',
      'bramble.time-zone': 'Europe/Vienna',
      'bramble.overlap': 'queue',
      'bramble.missed': 'all',
    }).triggers;
    expect(schedule).toMatchObject({ timeZone: 'Europe/Vienna', overlap: 'queue', missed: 'all' });
  });

  it('take one timeout for all, unless others are given', () => {
    expect(parse({ envVars: { exec_timeout: '2m' } }).process).toMatchObject({
      execTimeoutMs: 120_000,
      readTimeoutMs: 120_000,
      writeTimeoutMs: 120_000,
    });
    expect(parse({ envVars: { exec_timeout: '2m', read_timeout: '5' } }).process.readTimeoutMs).toBe(5_000);
  });

  it('choose the mode by language, command and watchdog', () => {
    const handler = { 'bramble.lang': 'node', 'bramble.handler': '/srv/fn' };
    expect(annotated(handler).process.mode).toBe('framed');
    expect(parse({ envProcess: 'cat' }).process).toMatchObject({ mode: 'fork', command: ['cat'] });
    expect(parse({ envVars: { fprocess: 'cat', mode: 'streaming' } }).process.mode).toBe('fork');
    expect(parse({ envProcess: 'node index.js', envVars: { mode: 'http' } }).process.mode).toBe('http');
    expect(parse({ envVars: { mode: 'production' } }).process.mode).toBe('fork');
  });

  it('are found among labels too', () => {
    expect(parse({ labels: { topic: 'a', 'com.openfaas.scale.max': '50' } })).toMatchObject({
      triggers: { topics: ['a'] },
      scale: { min: 1, max: 50 },
    });
  });

  it('let a minimum over the usual maximum raise it', () => {
    expect(parse({ labels: { 'com.openfaas.scale.min': '30' } }).scale).toMatchObject({ min: 30, max: 30 });
  });

  it.each<[string, Partial<FunctionSpec>]>([
    ['annotations.topic', { annotations: { topic: 'a/#/b' } }],
    ['annotations.schedule', { annotations: { schedule: 'every day' } }],
    ['annotations.schedule', { annotations: { schedule: '* * * * * * *' } }],
    ['annotations.schedule', { annotations: { schedule: '* * * * ;' } }],
    [
      'annotations.bramble.time-zone',
      { annotations: { schedule: '* * * * *', 'bramble.time-zone': 'Mars/Base' } },
    ],
    ['annotations.bramble.overlap', { annotations: { schedule: '* * * * *', 'bramble.overlap': 'maybe' } }],
    ['annotations.bramble.concurrency', { annotations: { 'bramble.concurrency': '0' } }],
    ['annotations.bramble.order-key', { annotations: { 'bramble.order-key': 'room' } }],
    ['annotations.bramble.publish', { annotations: { 'bramble.publish': 'a+' } }],
    ['annotations.bramble.concurency', { annotations: { 'bramble.concurency': '2' } }],
    ['annotations.bramble.lang', { annotations: { 'bramble.lang': 'cobol' } }],
    ['annotations.bramble.handler', { annotations: { 'bramble.handler': './here' } }],
    ['annotations.com.openfaas.retry.codes', { annotations: { 'com.openfaas.retry.codes': '503,never' } }],
    [
      'labels.com.openfaas.scale.min',
      { labels: { 'com.openfaas.scale.min': '3', 'com.openfaas.scale.max': '2' } },
    ],
    ['labels.com.openfaas.scale.max', { labels: { 'com.openfaas.scale.max': 'many' } }],
    ['envVars.exec_timeout', { envVars: { exec_timeout: 'soon' } }],
    ['envVars.max_inflight', { envVars: { max_inflight: '-1' } }],
    ['envVars.ready_path', { envVars: { ready_path: 'ready' } }],
    ['envVars.mode', { envProcess: 'cat', envVars: { mode: 'static' } }],
    ['envProcess', { envProcess: 'sh -c "cat' }],
  ])('name %s when it cannot be used', (path, fields) => {
    expect(problemsOf(fields)).toEqual([path]);
  });

  it('name all that cannot be used at once', () => {
    expect(
      problemsOf({ annotations: { topic: '+a', schedule: 'x' }, envVars: { exec_timeout: '?' } }).sort(),
    ).toEqual(['annotations.schedule', 'annotations.topic', 'envVars.exec_timeout']);
  });

  it('take a JSON pointer as the key of order', () => {
    expect(annotated({ 'bramble.order-key': '/rooms/0/na~1me' }).delivery.orderKey).toBe('/rooms/0/na~1me');
  });
});
