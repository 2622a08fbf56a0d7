import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findHeaderChip, gpioRoot, listChips } from '../../hardware/gpio-chip.ts';
import { SysfsThermometers } from '../../hardware/thermometer.sysfs.ts';
import type { Thermometers } from '../../hardware/thermometer.ts';
import { MqttConnection } from '../bus/mqtt/mqtt-connection.ts';
import type { Config } from '../config/schema.ts';
import { readSecretFile } from '../main/credentials.ts';
import { systemClock } from '../support/clock.system.ts';
import { BrambleError, toBrambleError } from '../support/errors.ts';
import { silentLog } from '../support/log.ts';
import type { ProbeBroker } from './checks/broker.ts';
import type { GpioProbes } from './checks/gpio.ts';

const run = promisify(execFile);

/** What the checks look through: the agent's own adapters, opened as the agent would open them. */
export interface Probes {
  readonly broker: ProbeBroker;
  readonly gpio: GpioProbes;
  readonly thermometers: Thermometers;
}

export function openProbes({ mqtt, hardware }: Config): Probes {
  return {
    broker: (url, signal) => probeBroker(mqtt, url, signal),
    gpio: {
      findChip: async () => findHeaderChip(await listChips(gpioRoot), hardware.gpioBase),
      loadDriver,
      readModel,
    },
    thermometers: new SysfsThermometers({ root: hardware.sysfsRoot, clock: systemClock }),
  };
}

async function probeBroker(mqtt: Config['mqtt'], url: string, signal: AbortSignal): Promise<void> {
  const levels = mqtt.protocol === 'auto' ? ([5, 4] as const) : ([mqtt.protocol === '5' ? 5 : 4] as const);
  let failure: unknown;
  for (const level of levels) {
    try {
      return await tryBroker(mqtt, { url, level }, signal);
    } catch (err) {
      failure = err;
    }
  }
  throw toBrambleError(failure);
}

/** Without a session and under a name of its own, so that an agent that runs is not thrown out. */
async function tryBroker(
  { username, password, passwordFile, caFile }: Config['mqtt'],
  { url, level }: { url: string; level: 4 | 5 },
  signal: AbortSignal,
): Promise<void> {
  const connection = new MqttConnection({
    url,
    clientId: `bramble-doctor-${process.pid}`,
    username,
    password: password ?? (passwordFile === undefined ? undefined : readSecretFile(passwordFile)),
    ca: caFile === undefined ? undefined : readFileSync(caFile, 'utf8'),
    level,
    session: 'none',
    presence: undefined,
    clock: systemClock,
    log: silentLog,
    onMessage: async () => {},
  });
  const late = new BrambleError('BUS_OFFLINE', 'the broker did not answer in time');
  const onAbort = () => void connection.break(late);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await connection.open();
    await connection.end();
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** In a process of its own: a native part that was built for another Node.js may end whoever loads it. */
async function loadDriver(signal: AbortSignal): Promise<void> {
  const here = dirname(fileURLToPath(import.meta.url));
  await run(process.execPath, ['--eval', 'require("onoff")'], { cwd: here, signal });
}

async function readModel(): Promise<string | undefined> {
  try {
    return (await readFile('/proc/device-tree/model', 'utf8')).replaceAll('\0', '');
  } catch {
    return undefined; // only boards with a device tree have the file
  }
}
