import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dark, type Pixel } from '../../hardware/pixels.ts';
import type { Agent } from '../support/agent.ts';
import { metric } from '../support/agent-metrics.ts';
import { deploy, deployRecorder } from '../support/deployments.ts';
import { duringTest } from '../support/during-test.ts';
import { type Pins, whyNoPins } from '../support/in-private-sysfs.ts';
import type { Listening } from '../support/listener.ts';
import { hasMosquitto, type Mosquitto, mosquittoPub } from '../support/mosquitto.ts';
import { toHex } from '../support/pictures.ts';
import { root } from '../support/repo.ts';
import { slaveText } from '../support/sensors.ts';
import { type FileTree, makeTree } from '../support/tree.ts';
import { until } from '../support/wait.ts';

const reason = whyNoPins() ?? (hasMosquitto ? undefined : 'needs mosquitto and mosquitto-clients');
const note = reason === undefined ? '' : ` (skipped: ${reason})`;

const pirGpio = 17;
const probe = '28-0316a2797c10';
const brightness = 3;

/** A Pi whose pins, sensors, memory and broker are in our hands. */
interface Bench {
  readonly pins: Pins;
  readonly broker: Mosquitto;
  readonly agent: Agent;
  readonly heard: Listening;
  /** Temperature of the probe on the 1-Wire bus. */
  setCelsius(celsius: number): Promise<void>;
  /** How hard the node works, by its memory: below 70 % of it in use counts as none. */
  setStrain(ratio: number): Promise<void>;
  /** The same program on the same pins and data. */
  startAgain(): Promise<Agent>;
}

async function startBench({ base = 512 } = {}): Promise<Bench> {
  const broker = await duringTest.mosquitto({ login: { user: 'bramble', password: 'thorny' } });
  const pins = await duringTest.pins({ base });
  const files = await makeTree({
    'sys/class/thermal/thermal_zone0/type': 'cpu-thermal\n',
    'sys/class/thermal/thermal_zone0/temp': '51234\n',
    [`sys/bus/w1/devices/${probe}/w1_slave`]: slaveText(21_500),
    'proc/stat': 'cpu  100 0 0 900 0 0 0 0 0 0\n',
    'proc/meminfo': meminfo(0),
  });
  const start = (folder?: string) =>
    duringTest.agent({
      config: agentConfig(broker, files),
      ...(folder === undefined ? {} : { folder }),
      spawn: (command, args, env) => pins.spawn(command, args, { env }),
    });
  const heard = await duringTest.listener(broker, 'bramble/#');
  const agent = await start();
  return {
    pins,
    broker,
    agent,
    heard,
    setCelsius: (celsius) =>
      replace(join(files.root, `sys/bus/w1/devices/${probe}/w1_slave`), slaveText(celsius * 1_000)),
    setStrain: (ratio) => replace(join(files.root, 'proc/meminfo'), meminfo(ratio)),
    startAgain: () => start(agent.folder),
  };
}

function agentConfig(broker: Mosquitto, files: FileTree): Record<string, unknown> {
  return {
    mqtt: { url: broker.url, username: broker.login?.user, password: broker.login?.password },
    hardware: { kind: 'sysfs', sysfsRoot: join(files.root, 'sys'), procRoot: join(files.root, 'proc') },
    climate: { intervalMs: 200 },
    gauge: { sampleMs: 100, publishMs: 100, smoothing: 1, brightness },
  };
}

/** Memory of a machine that works so hard. */
function meminfo(strain: number): string {
  const available = Math.round(1_000_000 * 0.3 * (1 - strain));
  return `MemTotal:       1000000 kB\nMemFree:         1000 kB\nMemAvailable:   ${available} kB\n`;
}

/** At once, as the kernel gives it: nobody reads half of it. */
async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

async function shown({ pins }: Pick<Bench, 'pins'>): Promise<readonly Pixel[]> {
  return (await pins.frames()).at(-1) ?? [];
}

async function litCount(bench: Pick<Bench, 'pins'>): Promise<number> {
  return (await shown(bench)).filter((pixel) => pixel.brightness > 0).length;
}

function row(red: number, green: number, blue: number, light = brightness): Pixel[] {
  return Array.from({ length: 8 }, () => ({ red, green, blue, brightness: light }));
}

const sameAs = (one: readonly Pixel[], other: readonly Pixel[]) =>
  JSON.stringify(one.map(toHex)) === JSON.stringify(other.map(toHex));

function untilShown(bench: Bench, what: string, wanted: readonly Pixel[]): Promise<boolean> {
  return until(`the LEDs show ${what}`, async () => sameAs(await shown(bench), wanted));
}

function command(bench: Bench, fields: Record<string, unknown>, node = 'pi-01'): Promise<void> {
  return mosquittoPub(bench.broker, [
    ...['-q', '1', '-t', `bramble/${node}/gauge/pixels/set`],
    ...['-m', JSON.stringify(fields)],
  ]);
}

function deployGuard(agent: Agent): Promise<void> {
  return deploy(agent, {
    service: 'guard',
    annotations: {
      'bramble.lang': 'node',
      'bramble.handler': join(root, 'functions/guard'),
      topic: 'bramble/+/temperature/+,bramble/+/motion/+',
      'bramble.publish': 'bramble/+/gauge/pixels/set,bramble/+/alert/guard',
    },
    envVars: { show_seconds: '1' },
  });
}

describe.skipIf(reason !== undefined)(`an agent on pins and Mosquitto${note}`, () => {
  it.each([512, 571])('turns a PIR edge at base %i into a state, a result and a colour', async (base) => {
    const bench = await startBench({ base });
    const { pins, broker, agent, heard } = bench;
    const recorded = await deployRecorder(agent, {
      service: 'witness',
      annotations: { topic: 'bramble/+/motion/+' },
    });
    await deployGuard(agent);
    await until('the bar of a node at rest', async () => (await litCount(bench)) === 1);

    await pins.setLevel(pirGpio, 1);
    await untilShown(bench, 'the blue of motion', row(0, 0, 255));
    const finished = await until('the result on the bus', () =>
      heard
        .heard('bramble/pi-01/function/witness')
        .find(({ fields }) => Reflect.get(Object(fields.result), 'recorded')?.includes('"motion":true')),
    );
    const late = await duringTest.listener(broker, 'bramble/+/motion/+');
    const state = await until('the retained state', () => late.last('bramble/pi-01/motion/pir'));
    expect(state).toMatchObject({ isRetained: true, fields: { motion: true, sensor: 'pir' } });
    expect(recorded()).toContainEqual({
      id: state.fields.id,
      time: state.fields.time,
      topic: 'bramble/pi-01/motion/pir',
      body: state.text,
    });
    expect(finished.fields).toMatchObject({ ok: true, status: 200, eventId: state.fields.id });
    await until('the bar again', async () => (await litCount(bench)) === 1);

    await pins.setLevel(pirGpio, 0);
    await until('the end of motion', () => late.last('bramble/pi-01/motion/pir')?.fields.motion === false);
    await untilShown(bench, 'the green of calm', row(0, 255, 0));
    await until('the function has seen the end', () => recorded().at(-1)?.body.includes('"motion":false'));
  });

  it('measures through 1-Wire and thermal files, and warns of heat with motion', async () => {
    const bench = await startBench();
    await deployGuard(bench.agent);
    const probeTopic = `bramble/pi-01/temperature/${probe}`;
    await until('the processor', () => bench.heard.last('bramble/pi-01/temperature/soc')?.fields.celsius);
    await bench.setCelsius(21.9);
    const reading = await until('the probe', () =>
      bench.heard.heard(probeTopic).find(({ fields }) => fields.celsius === 21.9),
    );
    await until('the guard has its baseline', () =>
      bench.heard
        .heard('bramble/pi-01/function/guard')
        .some(({ fields }) => fields.eventId === reading.fields.id),
    );
    await bench.setCelsius(24);
    await untilShown(bench, 'the red of heat', row(255, 0, 0));
    await bench.pins.setLevel(pirGpio, 1);
    await untilShown(bench, 'the violet of an alarm', row(255, 0, 255));
    await until('the alert', () => bench.heard.last('bramble/pi-01/alert/guard')?.fields.alert === 'alarm');
  });

  it('shows the load as a bar, and other views when told over MQTT', async () => {
    const bench = await startBench();
    await until('a bar at rest', async () => (await litCount(bench)) === 1);
    await bench.setStrain(0.5);
    await until('half a bar', async () => (await litCount(bench)) === 4);
    await bench.setStrain(1);
    await until('a full bar', async () => (await litCount(bench)) === 8);
    const [first, last] = [(await shown(bench)).at(0), (await shown(bench)).at(-1)];
    expect(first).toEqual({ red: 0, green: 255, blue: 0, brightness });
    expect(last).toEqual({ red: 255, green: 0, blue: 0, brightness });

    const load = { node: 'pi-02', time: new Date().toISOString(), cpuRatio: 0, memoryRatio: 0 };
    const peer = JSON.stringify({ ...load, throttled: false, inFlight: 0 });
    await mosquittoPub(bench.broker, ['-t', 'bramble/pi-02/load', '-m', peer]);
    await command(bench, { view: 'nodes' });
    const [red, green, violet] = [row(255, 0, 0), row(0, 255, 0), row(96, 0, 255)].map(
      (one) => one[0] ?? dark,
    );
    const nodes = (second = dark) => [red ?? dark, second, ...Array.from({ length: 6 }, () => dark)];
    await untilShown(bench, 'a busy node and an idle one', nodes(green));
    await mosquittoPub(bench.broker, ['-t', 'bramble/pi-02/status', '-m', 'offline']);
    await untilShown(bench, 'a busy node and a missing one', nodes(violet));

    await command(bench, { red: 9, green: 8, blue: 7, brightness: 31 }, 'all');
    await untilShown(bench, 'one colour', row(9, 8, 7, 31));
    expect((await shown(bench))[0]?.brightness).toBe(31);
    await command(bench, { view: 'disco' });
    await until('it is ignored', () => metric(bench.agent, 'bramble_gauge_commands_ignored_total'));
    expect(sameAs(await shown(bench), row(9, 8, 7, 31))).toBe(true);
    await command(bench, { view: 'node' });
    await until('its own bar', async () => (await litCount(bench)) === 8);

    const told = await until('what it says that it shows', async () => {
      const fields = bench.heard.last('bramble/pi-01/gauge')?.fields;
      return fields?.view === 'node' ? fields : undefined;
    });
    expect(told.pixels).toEqual((await shown(bench)).map(toHex));
  });

  it('goes dark on SIGTERM, says goodbye and gives the pins back', async () => {
    const bench = await startBench();
    await command(bench, { red: 255 });
    await untilShown(bench, 'one colour', row(255, 0, 0));
    expect(await bench.agent.stop()).toBe(0);
    expect(await litCount(bench)).toBe(0);
    for (const bcm of [pirGpio, 23, 24]) expect((await bench.pins.pin(bcm)).isExported).toBe(false);
    const late = await duringTest.listener(bench.broker, 'bramble/pi-01/#');
    await mosquittoPub(bench.broker, ['-t', 'bramble/pi-01/end-of-what-is-retained', '-m', '']);
    await until('all that is retained', () => late.last('bramble/pi-01/end-of-what-is-retained'));
    expect(late.last('bramble/pi-01/status')).toMatchObject({ text: 'offline', isRetained: true });
    expect(late.last('bramble/pi-01/load')).toBe(undefined);
  });

  it('is declared offline by its last will when killed, and takes its pins again', async () => {
    const bench = await startBench();
    await until('it shows its bar', async () => (await litCount(bench)) === 1);
    await until('it is online', () => bench.heard.last('bramble/pi-01/status')?.text === 'online');
    await bench.agent.kill();
    await until('the last will', () => bench.heard.last('bramble/pi-01/status')?.text === 'offline');
    expect((await bench.pins.pin(24)).isExported).toBe(true);
    await bench.startAgain();
    await until('it is back', () => bench.heard.last('bramble/pi-01/status')?.text === 'online');
    await command(bench, { blue: 200 });
    await untilShown(bench, 'a new colour', row(0, 0, 200));
    await bench.pins.setLevel(pirGpio, 1);
    await until('motion', () => bench.heard.last('bramble/pi-01/motion/pir')?.fields.motion === true);
  });

  it('outlives a pin that dies, and uses it again when it works', async () => {
    const bench = await startBench();
    const status = () => bench.heard.last('bramble/pi-01/motion/pir/status')?.text;
    await until('the PIR is there', () => status() === 'online');
    await bench.pins.breakLine(pirGpio);
    await until('the PIR is gone', () => status() === 'offline');
    await bench.pins.repairLine(pirGpio);
    await until('the PIR is back', () => status() === 'online');
    await bench.pins.setLevel(pirGpio, 1);
    await until('motion', () => bench.heard.last('bramble/pi-01/motion/pir')?.fields.motion === true);
    expect(bench.agent.child.exitCode).toBe(null);
  });
});
