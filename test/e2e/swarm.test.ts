import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CgroupFreezer } from '../../src/functions/freezing/task-freezer.cgroup.ts';
import { systemClock } from '../../src/support/clock.system.ts';
import { type BrambleSwarm, openBrambleSwarm } from '../support/docker/bramble-swarm.ts';
import { whyNoDocker } from '../support/docker/docker.ts';
import { JsonMessages } from '../support/json-messages.ts';
import { until } from '../support/wait.ts';

const noScaling = { 'com.openfaas.scale.factor': '0' };

describe.skipIf(whyNoDocker() !== '')(`Bramble on a Swarm of one node${whyNoDocker()}`, () => {
  let bramble: BrambleSwarm;
  let heard: JsonMessages;

  beforeAll(async () => {
    bramble = await openBrambleSwarm({ nodes: 1 });
    heard = await JsonMessages.of(await bramble.connect(), ['bramble/+/function/+', 'bramble/+/scaling/+']);
  });
  afterAll(() => bramble?.stop());

  async function cli(...argv: string[]): Promise<string> {
    const { exit, stdout, stderr } = await bramble.cli(...argv);
    expect(stderr.replaceAll(/^\S+: 200 OK.*$/gm, '').trim()).toBe('');
    expect(exit).toBe(0);
    return stdout;
  }

  const finished = (name: string) => heard.on(`bramble/+/function/${name}`);

  it('its stack is deployed with all services healthy', () => {
    expect(bramble.deployed.stderr).toContain('agent 1/1, control 1/1, mosquitto 1/1');
    expect(bramble.deployed.exit).toBe(0);
  });

  it('a function is deployed through an agent, called, listed, described and removed', async () => {
    const secret = JSON.stringify({ name: 'token', value: 'sesame' });
    expect((await bramble.call(0, '/system/secrets', { method: 'POST', body: secret })).status).toBe(201);
    expect(await cli('secret', 'list')).toContain('token');
    const spec = { environment: { GREETING: 'hello' }, secrets: ['token'], labels: noScaling };
    expect(await bramble.deploy({ plain: spec })).toMatchObject({ exit: 0 });
    const ask = async (path: string) => (await bramble.call(0, path)).text();
    expect(await ask('/function/plain/env?GREETING')).toBe('hello');
    expect(await ask('/function/plain.openfaas-fn/secret?token')).toBe('sesame');
    expect(await cli('invoke', 'plain', '--data', 'there and back')).toBe('there and back');
    expect(await cli('list')).toMatch(/^plain +1\/1/m);
    expect(await cli('describe', 'plain')).toMatch(/^Secrets +token$/m);

    await until('the calls are counted', async () => /^plain +1\/1 +3 /m.test(await cli('list')));
    await cli('remove', 'plain');
    await until('no agent serves it', async () => (await bramble.call(0, '/function/plain/')).status === 404);
    expect(await cli('list')).not.toContain('plain');
    await cli('secret', 'remove', 'token');
  });

  it('three replicas serve in turns, and their logs are read as one', async () => {
    await bramble.deploy({ wide: { labels: noScaling } });
    await cli('scale', 'wide', '3');
    await until('three replicas', async () => /^wide +3\/3/m.test(await cli('list')));
    await until('calls reached all of them', async () => {
      await bramble.call(0, '/function/wide/log?called');
      const lines = (await cli('logs', 'wide')).split('\n');
      const replicas = lines.filter((line) => line.endsWith('called')).map((line) => line.split(' ')[1]);
      return new Set(replicas).size === 3;
    });
    await cli('remove', 'wide');
  });

  it('an asynchronous call, an event from another MQTT client and the clock start functions', async () => {
    await bramble.deploy({
      rain: { annotations: { topic: 'garden/rain' } },
      tick: { annotations: { schedule: '* * * * * *' } },
    });
    const call = await bramble.call(0, '/async-function/rain/', { method: 'POST', body: 'later' });
    expect(call.status).toBe(202);
    await until('the call ended', () => finished('rain').find(({ result }) => result === 'later'));

    const client = await bramble.connect();
    await client.publishAsync('garden/rain', '{"millimetres":3}', { qos: 1 });
    await until('the event ended', () =>
      finished('rain').find(({ result, ok }) => ok === true && result === '{"millimetres":3}'),
    );
    await until('three ticks', () => finished('tick').filter(({ ok }) => ok === true).length >= 3);
    const ticks = finished('tick').map(({ eventId }) => eventId);
    expect(new Set(ticks).size).toBe(ticks.length);
    await cli('remove', 'rain');
    await cli('remove', 'tick');
  });

  it('an idle function is frozen, then removed, and a call wakes it from both', async () => {
    const freezer = new CgroupFreezer({ sysRoot: '/sys', clock: systemClock });
    const labels = { 'com.openfaas.scale.zero': 'true', 'com.openfaas.scale.zero-duration': '8s' };
    await bramble.deploy({ lazy: { labels, annotations: { 'bramble.freeze-after': '1s' } } });
    const { docker } = bramble.swarm.node(0);
    const ask = async () =>
      (await bramble.call(0, '/function/lazy/', { method: 'POST', body: 'awake' })).text();
    await until('it is frozen', async () => {
      const id = await docker('ps', '--quiet', '--no-trunc', '--filter', 'name=lazy.1');
      return id !== '' && (await freezer.isFrozen(id));
    });
    const thawMs = await timed(ask);
    await until('it is removed', async () => /^lazy +0\/0/m.test(await cli('list')));
    const startMs = await timed(ask);
    console.log(`first answer after ${thawMs} ms frozen, after ${startMs} ms from zero`);
    const decisions = heard.on('bramble/+/scaling/lazy').map(({ reason }) => reason);
    expect(decisions).toEqual(expect.arrayContaining(['idle', 'wake']));
    await cli('remove', 'lazy');

    async function timed(work: () => Promise<string>): Promise<number> {
      const began = performance.now();
      expect(await work()).toBe('awake');
      return Math.round(performance.now() - began);
    }
  });
});
