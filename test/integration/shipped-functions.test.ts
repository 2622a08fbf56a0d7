import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPublications } from '../../src/functions/publications.ts';
import { parseSettings } from '../../src/functions/settings.ts';
import type { FunctionSpec } from '../../src/functions/spec.ts';
import { readStack } from '../../src/functions/stack-file.ts';
import { functionsDir, type OpenRuntime, openProcessRuntime } from '../support/process-runtime.ts';
import { lacksPython } from '../support/python.ts';
import { buildRequest, never, textOf } from '../support/requests.ts';
import { until } from '../support/wait.ts';

const startMs = Date.UTC(2026, 0, 1, 12);

describe('the functions that ship', () => {
  let open: OpenRuntime;
  let specs: readonly FunctionSpec[];
  beforeEach(async () => {
    open = await openProcessRuntime();
    specs = (await readStack(join(functionsDir, 'stack.yml'), {})).functions;
  });
  afterEach(() => open.close());

  const specOf = (name: string): FunctionSpec =>
    specs.find(({ service }) => service === name) ?? expect.unreachable(`no ${name} in the stack file`);

  async function deploy(name: string): Promise<void> {
    await open.runtime.deploy(specOf(name));
    await until(`${name} to be ready`, () => open.runtime.endpoints(name)[0]);
  }

  async function send(name: string, body: string, headers: Record<string, string> = {}): Promise<string> {
    const endpoint = await until(name, () => open.runtime.endpoints(name)[0]);
    return textOf(
      await endpoint.invoke(buildRequest('/', { body: Buffer.from(body), headers }), { signal: never }),
    );
  }

  /** An event as the triggers hand it to a function, `second` seconds after noon. */
  async function tell(name: string, topic: string, second: number, reading: object): Promise<string> {
    return send(name, JSON.stringify(reading), {
      'content-type': 'application/json',
      'ce-type': `${topic.split('/')[2]}.measured`,
      'ce-time': new Date(startMs + second * 1000).toISOString(),
      'x-topic': topic,
    });
  }

  describe('guard', () => {
    const heat = 'bramble/pi-01/temperature/rack';
    const motion = 'bramble/pi-01/motion/pir';
    const alertOf = (answer: string): unknown => (answer === '' ? undefined : JSON.parse(answer).alert);
    beforeEach(() => deploy('guard'));

    it('sees heat, motion, both, and the end of both', async () => {
      expect(await tell('guard', heat, 0, { celsius: 21 })).toBe('');
      expect(await tell('guard', heat, 10, { celsius: 21.9 })).toBe('');
      expect(alertOf(await tell('guard', heat, 20, { celsius: 22.5 }))).toBe('heat');
      expect(alertOf(await tell('guard', heat, 25, { celsius: 22.6 }))).toBeUndefined();
      expect(alertOf(await tell('guard', motion, 30, { motion: true }))).toBe('alarm');
      expect(alertOf(await tell('guard', motion, 40, { motion: false }))).toBe('heat');
      expect(alertOf(await tell('guard', heat, 50, { celsius: 21 }))).toBe('calm');
    });

    it('asks for a colour and an alert, on topics that it is allowed', async () => {
      const answer: unknown = JSON.parse(await tell('guard', motion, 0, { motion: true }));
      const { delivery } = parseSettings(specOf('guard'));
      expect(readPublications(answer, delivery.publish)).toEqual([
        {
          topic: 'bramble/pi-01/gauge/pixels/set',
          payload: '{"view":"solid","red":0,"green":0,"blue":255,"forMs":10000}',
          retain: false,
        },
        {
          topic: 'bramble/pi-01/alert/guard',
          payload: expect.stringContaining('"alert":"motion"'),
          retain: true,
        },
      ]);
    });

    it('remembers over a restart, keeps nodes apart, and takes an old baseline anew', async () => {
      await tell('guard', heat, 0, { celsius: 21 });
      await open.runtime.scale('guard', 0);
      await open.runtime.scale('guard', 1);
      expect(await tell('guard', 'bramble/pi-02/temperature/rack', 10, { celsius: 30 })).toBe('');
      expect(alertOf(await tell('guard', heat, 20, { celsius: 25 }))).toBe('heat');
      expect(alertOf(await tell('guard', heat, 400, { celsius: 25 }))).toBe('calm');
    });

    it('leaves the processor’s temperature and foreign calls alone', async () => {
      await tell('guard', 'bramble/pi-01/temperature/soc', 0, { celsius: 40 });
      expect(await tell('guard', 'bramble/pi-01/temperature/soc', 1, { celsius: 80 })).toBe('');
      expect(await send('guard', 'hello')).toBe('');
    });
  });

  it('echo gives back what it is given', async () => {
    await deploy('echo');
    expect(await send('echo', 'hello')).toBe('hello');
  });

  describe.skipIf(lacksPython)('report (skipped without python3)', () => {
    const tick = async (second: number) =>
      JSON.parse(
        await send('report', '', {
          'ce-type': 'schedule.ticked',
          'ce-time': new Date(startMs + second * 1000).toISOString(),
        }),
      );

    it('sums up the last hour, and forgets what is older', async () => {
      await deploy('report');
      await tell('report', 'bramble/pi-01/temperature/rack', 0, { celsius: 20 });
      await tell('report', 'bramble/pi-01/temperature/rack', 1_800, { celsius: 21 });
      await tell('report', 'bramble/pi-01/temperature/rack', 1_900, { celsius: 23.5 });
      await tell('report', 'bramble/pi-01/motion/pir', 2_000, { motion: true });
      await tell('report', 'bramble/pi-01/motion/pir', 2_010, { motion: false });
      expect(await tick(3_601)).toEqual({
        from: '2026-01-01T12:00:01+00:00',
        to: '2026-01-01T13:00:01+00:00',
        motions: { 'pi-01': 1 },
        temperatures: { 'pi-01/rack': { least: 21, mean: 22.25, most: 23.5, readings: 2 } },
      });
    });

    it('says so when nothing happened', async () => {
      await deploy('report');
      expect(await tick(0)).toMatchObject({ motions: {}, temperatures: {} });
    });
  });
});
