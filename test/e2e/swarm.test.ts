import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CgroupFreezer } from '../../src/functions/freezing/task-freezer.cgroup.ts';
import { systemClock } from '../../src/support/clock.system.ts';
import { namesContract } from '../contract/names-contract.ts';
import { type BrambleSwarm, openBrambleSwarm } from '../support/docker/bramble-swarm.ts';
import { whyNoDocker } from '../support/docker/docker.ts';
import { type EmulatedPi, probe, startPi } from '../support/emulated-pi.ts';
import { whyNoPins } from '../support/in-private-sysfs.ts';
import { JsonMessages } from '../support/json-messages.ts';
import { type Listening, listen } from '../support/listener.ts';
import { hasMosquitto, mosquittoPub } from '../support/mosquitto.ts';
import { toHex } from '../support/pictures.ts';
import { until } from '../support/wait.ts';

const reason = whyNoPins() ?? (hasMosquitto ? undefined : 'needs mosquitto-clients');
const noPins = reason === undefined ? '' : ` (skipped: ${reason})`;
const pirGpio = 17;

const noScaling = { 'com.openfaas.scale.factor': '0' };

describe.skipIf(whyNoDocker() !== '')(`Bramble on a Swarm of one node${whyNoDocker()}`, () => {
  let bramble: BrambleSwarm;
  let heard: JsonMessages;
  let pi: EmulatedPi | undefined;

  beforeAll(async () => {
    pi = reason === undefined ? await startPi() : undefined;
    bramble = await openBrambleSwarm({
      nodes: 1,
      mountNamespace: pi?.pins.mountNamespace,
      config: { climate: { intervalMs: 200 }, gauge: { sampleMs: 100, publishMs: 100, brightness: 3 } },
    });
    heard = await JsonMessages.of(await bramble.connect(), ['bramble/+/function/+', 'bramble/+/scaling/+']);
  });
  afterAll(async () => {
    await bramble?.stop();
    await pi?.stop();
  });

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

  namesContract('a Swarm', () => ({
    deploy: (name, fields) => bramble.deploy({ [name]: fields }),
    call: (path, init) => bramble.call(0, path, init),
    cli: bramble.cli,
    hostAddress: bramble.swarm.hostAddress,
  }));

  describe.skipIf(reason !== undefined)(`with pins and sensors${noPins}`, () => {
    let outside: Listening;
    beforeAll(async () => {
      outside = await listen(bramble.broker, 'bramble/#');
    });
    afterAll(() => outside?.stop());

    const shown = async () => ((await pi?.pins.frames())?.at(-1) ?? []).map(toHex);
    const row = (colour: string) => Array.from({ length: 8 }, () => colour);
    const untilShown = (colour: string) =>
      until(`the LEDs show ${colour}`, async () => (await shown()).join() === row(colour).join());

    it('the agent is given /sys, and neither a privilege, a device nor Docker', async () => {
      const { docker } = bramble.swarm.node(0);
      const id = await docker('ps', '--quiet', '--filter', 'name=bramble_agent');
      const [{ HostConfig, Mounts }] = JSON.parse(await docker('inspect', id));
      expect(HostConfig).toMatchObject({ Privileged: false, CapAdd: null, CapDrop: ['ALL'], Devices: null });
      const binds = Mounts.filter(({ Type }: { Type: string }) => Type === 'bind');
      expect(binds.map(({ Source }: { Source: string }) => Source)).toEqual(['/sys']);
      const status = await docker('exec', id, 'cat', '/proc/1/status');
      const sets = [...status.matchAll(/^(Cap\w+):\s*(\w+)$/gm)].map(([, set, bits]) => [set, Number(bits)]);
      expect(Object.fromEntries(sets)).toEqual({ CapInh: 0, CapPrm: 0, CapEff: 0, CapBnd: 0, CapAmb: 0 });
    });

    it('a PIR edge and thermometers become events on MQTT, and a function is called with them', async () => {
      await bramble.deploy({ witness: { labels: noScaling, annotations: { topic: 'bramble/+/motion/+' } } });
      await pi?.pins.setLevel(pirGpio, 1);
      const motion = await until('motion', () =>
        outside.heard('bramble/node-1/motion/pir').find(({ fields }) => fields.motion === true),
      );
      const { fields } = await until('the function has handled it', () =>
        outside
          .heard('bramble/node-1/function/witness')
          .find(({ fields }) => fields.eventId === motion.fields.id),
      );
      expect(fields).toMatchObject({ ok: true, status: 200, result: motion.text });

      await pi?.setCelsius(23.5);
      await until('the probe on the 1-Wire bus', () =>
        outside.heard(`bramble/node-1/temperature/${probe}`).some(({ fields }) => fields.celsius === 23.5),
      );
      await until('the processor', () => outside.last('bramble/node-1/temperature/soc')?.fields.celsius);
      await cli('remove', 'witness');
    });

    it('the gauge draws the load, and what an event or the answer of a function asks for', async () => {
      await until('what it says that it shows is on the LEDs', async () => {
        const { pixels } = outside.last('bramble/node-1/gauge')?.fields ?? {};
        return Array.isArray(pixels) && pixels[0] !== '#000000' && pixels.join() === (await shown()).join();
      });
      const lamp = 'bramble/node-1/gauge/pixels/set';
      await mosquittoPub(bramble.broker, ['-t', lamp, '-m', '{"red":255}']);
      await untilShown('#ff0000');
      await bramble.deploy({
        dusk: {
          environment: { CONTENT_TYPE: 'application/json' },
          annotations: { topic: 'garden/dusk', 'bramble.publish': lamp },
        },
      });
      const answer = { publish: [{ topic: lamp, payload: { red: 0, green: 0, blue: 255 } }] };
      await mosquittoPub(bramble.broker, ['-q', '1', '-t', 'garden/dusk', '-m', JSON.stringify(answer)]);
      await untilShown('#0000ff');
    });

    it('the LEDs are dark and the pins free when the stack is removed, and functions stay', async () => {
      expect(await cli('stack', 'remove')).toBe('the stack bramble: removed\n');
      const { docker } = bramble.swarm.node(0);
      expect(await docker('service', 'ls', '--format', '{{.Name}}')).toBe('dusk');
      expect(await docker('secret', 'ls', '--quiet')).toBe('');
      await untilShown('#000000');
      const isFree = async (bcm: number) => (await pi?.pins.pin(bcm))?.isExported === false;
      for (const bcm of [pirGpio, 23, 24]) await until(`BCM ${bcm} is free`, () => isFree(bcm));
    });
  });
});
