import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Thermometer } from '../../../hardware/thermometer.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { checkBroker } from '../../../src/doctor/checks/broker.ts';
import { judgeClock } from '../../../src/doctor/checks/clock.ts';
import { checkConfig } from '../../../src/doctor/checks/config.ts';
import { checkDataFolder, judgeFreeBytes } from '../../../src/doctor/checks/data-folder.ts';
import { checkDocker } from '../../../src/doctor/checks/docker.ts';
import { checkGateway } from '../../../src/doctor/checks/gateway.ts';
import { checkGpio, type GpioProbes } from '../../../src/doctor/checks/gpio.ts';
import { checkNodeVersion, oldestNode } from '../../../src/doctor/checks/node-version.ts';
import { checkPython } from '../../../src/doctor/checks/python.ts';
import { checkSensors } from '../../../src/doctor/checks/sensors.ts';
import { chooseChecks } from '../../../src/doctor/checks.ts';
import type { Check, Verdict } from '../../../src/doctor/finding.ts';
import { BrambleError } from '../../../src/support/errors.ts';

const signal = new AbortController().signal;
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanups.splice(0)) cleanUp();
});

async function only(check: Check): Promise<Verdict> {
  const [verdict, ...others] = await check.run(signal);
  expect(others).toEqual([]);
  return verdict ?? expect.unreachable('no verdict');
}

function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-doctor-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function listen(server: Server, where: object): Promise<number> {
  await new Promise<void>((resolve) => server.listen(where, () => resolve()));
  cleanups.push(() => server.close());
  const address: AddressInfo | string | null = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const listenLocally = (server: Server) => listen(server, { host: '127.0.0.1', port: 0 });
const answerHttp = (listener: RequestListener) => createHttpServer(listener);

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenLocally(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('checkNodeVersion', () => {
  it.each([
    [`v${oldestNode}`, 'ok'],
    ['v22.1.0', 'ok'],
    ['v20.18.9', 'fail'],
    ['v9.99.99', 'fail'],
  ])('finds %s %s', async (version, state) => {
    expect(await only(checkNodeVersion(version))).toMatchObject({ state });
  });
});

describe('judgeClock', () => {
  it('warns of a year that is past', () => {
    expect(judgeClock(Date.parse('1970-01-01T00:10:00Z'), undefined)).toMatchObject({ state: 'warn' });
  });

  it('says whether the time was synchronised', () => {
    const nowMs = Date.parse('2026-05-01T12:00:00Z');
    expect(judgeClock(nowMs, undefined).detail).toBe(
      '2026-05-01T12:00:00.000Z, not known to be synchronised',
    );
    expect(judgeClock(nowMs, nowMs - 1)).toEqual({
      state: 'ok',
      detail: '2026-05-01T12:00:00.000Z, synchronised',
    });
  });
});

describe('checkDataFolder', () => {
  it('is content with a folder that can still be made', async () => {
    const folder = join(tempFolder(), 'not/yet');
    expect((await only(checkDataFolder(folder))).detail).toContain(`${folder}, will be made`);
  });

  it('fails where a file is in the way', async () => {
    const file = join(tempFolder(), 'file');
    writeFileSync(file, '');
    expect(await only(checkDataFolder(file))).toMatchObject({
      state: 'fail',
      detail: expect.stringContaining('is no folder'),
    });
  });

  it.each([
    [10, 'fail'],
    [100, 'warn'],
    [1000, 'ok'],
  ])('judges %i MiB free as %s', (mebibytes, state) => {
    expect(judgeFreeBytes('/data', mebibytes * 1024 * 1024).state).toBe(state);
  });
});

describe('checkConfig', () => {
  it('names the source and what decides how the agent runs, without the password of the broker', async () => {
    const { config } = loadConfig({ env: {}, overrides: { mqtt: { url: 'mqtt://u:hush@broker' } } });
    const { state, detail } = await only(checkConfig({ config, file: '/etc/bramble.yaml' }));
    expect(state).toBe('ok');
    expect(detail).toBe(
      '/etc/bramble.yaml: roles sense, show, serve, control; broker mqtt://broker; hardware sysfs',
    );
  });

  it('lists every problem', async () => {
    const problems = [
      { path: 'a.b', message: 'is required' },
      { path: 'c', message: 'is not a known key' },
    ];
    const error = new BrambleError('CONFIG_INVALID', 'no', { problems });
    expect(await only(checkConfig({ error }))).toMatchObject({
      state: 'fail',
      detail: 'a.b is required; c is not a known key',
    });
  });
});

describe('checkBroker', () => {
  const listenOn = (port: number) => ({ host: '127.0.0.1', port });
  const accept = async () => {};
  const refuse = async () => {
    throw new BrambleError('BUS_REFUSED', 'bad user name or password');
  };
  const offline = async () => {
    throw new BrambleError('BUS_OFFLINE', 'connection refused');
  };

  it.each([
    ['ok', accept, /accepts us/],
    ['fail', refuse, /bad user name or password/],
    ['fail', offline, /connection refused/],
  ])('finds an external broker %s', async (state, probe, detail) => {
    const verdict = await only(checkBroker({ url: 'mqtt://u:hush@b:1883', listen: listenOn(0) }, probe));
    expect(verdict).toMatchObject({ state, detail: expect.stringMatching(detail) });
    expect(JSON.stringify(verdict)).not.toContain('hush');
  });

  it('does not call a free port of the embedded broker', async () => {
    const verdict = await only(checkBroker({ url: 'embedded', listen: listenOn(await freePort()) }, offline));
    expect(verdict).toMatchObject({ state: 'ok', detail: expect.stringContaining('is free') });
  });

  it.each([
    ['a broker', accept, 'ok'],
    ['a broker with passwords', refuse, 'ok'],
    ['another program', offline, 'fail'],
  ])('finds %s on the port of the embedded broker', async (_name, probe, state) => {
    const port = await listenLocally(createServer());
    expect(await only(checkBroker({ url: 'embedded', listen: listenOn(port) }, probe))).toMatchObject({
      state,
    });
  });
});

describe('checkGateway', () => {
  const gateway = (port: number) => checkGateway({ host: '127.0.0.1', port });

  it('finds a gateway that is up', async () => {
    const port = await listenLocally(answerHttp((_request, response) => response.end('OK')));
    expect(await only(gateway(port))).toMatchObject({ state: 'ok' });
  });

  it('says that no agent runs when the port is free', async () => {
    expect(await only(gateway(await freePort()))).toMatchObject({
      state: 'warn',
      detail: expect.stringContaining('no agent'),
    });
  });

  it('finds another web server on the port', async () => {
    const port = await listenLocally(answerHttp((_request, response) => response.writeHead(404).end()));
    expect(await only(gateway(port))).toMatchObject({
      state: 'fail',
      detail: expect.stringContaining('404'),
    });
  });

  it('finds a program on the port that does not speak HTTP', async () => {
    const port = await listenLocally(createServer((socket) => socket.end('220 mail\r\n')));
    expect(await only(gateway(port))).toMatchObject({
      state: 'fail',
      detail: expect.stringContaining('no answer'),
    });
  });
});

describe('checkDocker', () => {
  it('names the version of a daemon that answers', async () => {
    const socket = join(tempFolder(), 'docker.sock');
    await listen(
      answerHttp((_request, response) => response.end('{"Version":"27.1"}')),
      { path: socket },
    );
    expect(await only(checkDocker(socket))).toEqual({ state: 'ok', detail: `27.1 at ${socket}` });
  });

  it('does not miss a Docker that is not installed', async () => {
    expect(await only(checkDocker(join(tempFolder(), 'none.sock')))).toMatchObject({ state: 'ok' });
  });

  it('warns of a daemon that is down', async () => {
    const socket = join(tempFolder(), 'docker.sock');
    writeFileSync(socket, ''); // a socket file that nobody listens on refuses as this does
    expect(await only(checkDocker(socket))).toMatchObject({ state: 'warn' });
  });
});

describe('checkPython', () => {
  it('names the version', async () => {
    expect(await only(checkPython(process.execPath))).toEqual({ state: 'ok', detail: process.version });
  });

  it('warns when it does not run', async () => {
    expect(await only(checkPython('/nonexistent/python3'))).toMatchObject({ state: 'warn' });
  });
});

describe('checkGpio', () => {
  const pi: GpioProbes = {
    findChip: async () => ({ name: 'gpiochip512', label: 'pinctrl-bcm2711', base: 512, lines: 58 }),
    loadDriver: async () => {},
    readModel: async () => 'Raspberry Pi 4 Model B',
  };
  const missing = async () => {
    throw new BrambleError('GPIO_UNAVAILABLE', 'none found');
  };

  it('names the chip, its base and its lines', async () => {
    const [chip, driver] = await checkGpio(pi).run(signal);
    expect(chip).toEqual({ state: 'ok', detail: 'gpiochip512 pinctrl-bcm2711: BCM 0 is line 512, 58 lines' });
    expect(driver).toMatchObject({ state: 'ok' });
  });

  it('fails on a Pi without a chip or a driver', async () => {
    const verdicts = await checkGpio({ ...pi, findChip: missing, loadDriver: missing }).run(signal);
    expect(verdicts.map(({ state }) => state)).toEqual(['fail', 'fail']);
  });

  it('only warns on another machine, and points to the simulation', async () => {
    const laptop = { findChip: missing, loadDriver: missing, readModel: async () => undefined };
    const verdicts = await checkGpio(laptop).run(signal);
    expect(verdicts.map(({ state }) => state)).toEqual(['warn', 'warn']);
    expect(verdicts[0]?.advice).toContain('bramble dev');
  });
});

describe('checkSensors', () => {
  const thermometer = (id: string, read: Thermometer['read']): Thermometer => ({
    id,
    model: 'DS18B20',
    read,
  });

  it('reads each sensor once', async () => {
    const good = thermometer('28-1', async () => ({ celsius: 21.4, percent: 40, hectopascals: 1013 }));
    const bad = thermometer('28-2', async () => {
      throw new BrambleError('SENSOR_FAULT', 'CRC is wrong');
    });
    expect(await checkSensors({ discover: async () => [good, bad] }).run(signal)).toMatchObject([
      { state: 'ok', detail: 'DS18B20 28-1: 21.4 °C, 40 %, 1013 hPa' },
      { state: 'warn', detail: 'DS18B20 28-2: CRC is wrong' },
    ]);
  });

  it('says what a missing DS18B20 may lack', async () => {
    const verdict = await only(checkSensors({ discover: async () => [] }));
    expect(verdict).toMatchObject({ state: 'warn', advice: expect.stringContaining('w1-gpio') });
  });
});

describe('chooseChecks', () => {
  const probes = () => ({
    broker: async () => {},
    gpio: {
      findChip: async () => expect.unreachable(),
      loadDriver: async () => {},
      readModel: async () => undefined,
    },
    thermometers: { discover: async () => [] },
  });
  const namesFor = (outcome: Parameters<typeof chooseChecks>[0]) =>
    chooseChecks(outcome, probes).map(({ name }) => name);

  it('leaves out what depends on a configuration when there is none that can be used', () => {
    const names = namesFor({ error: new Error('broken') });
    expect(names).toContain('configuration');
    expect(names).not.toContain('MQTT broker');
  });

  it('does not look for pins that are simulated', () => {
    const overrides = { hardware: { kind: 'simulated' } };
    expect(namesFor(loadConfig({ env: {} }))).toContain('GPIO');
    expect(namesFor(loadConfig({ env: {}, overrides }))).not.toContain('GPIO');
  });
});
