import type { Config } from '../config/schema.ts';
import { checkBroker } from './checks/broker.ts';
import { checkClock } from './checks/clock.ts';
import { type ConfigOutcome, checkConfig } from './checks/config.ts';
import { checkDataFolder } from './checks/data-folder.ts';
import { checkDocker } from './checks/docker.ts';
import { checkGateway } from './checks/gateway.ts';
import { checkGpio } from './checks/gpio.ts';
import { checkNodeVersion } from './checks/node-version.ts';
import { checkPython } from './checks/python.ts';
import { checkSensors } from './checks/sensors.ts';
import { type Check, ok } from './finding.ts';
import type { Probes } from './probes.ts';

/** What can be looked at: without a configuration, only what does not depend on one. */
export function chooseChecks(outcome: ConfigOutcome, open: (config: Config) => Probes): Check[] {
  const { config } = outcome;
  return [
    checkNodeVersion(process.version),
    checkClock(Date.now()),
    checkConfig(outcome),
    ...(config === undefined ? [] : configuredChecks(config, open(config))),
    checkPython(),
    checkDocker(),
  ];
}

function configuredChecks(config: Config, { broker, gpio, thermometers }: Probes): Check[] {
  return [
    checkDataFolder(config.dataDir),
    checkBroker(config.mqtt, broker),
    checkGateway(config.gateway),
    ...(config.hardware.kind === 'simulated' ? [simulated] : [checkGpio(gpio), checkSensors(thermometers)]),
  ];
}

const simulated: Check = { name: 'hardware', run: async () => [ok('pins and sensors are simulated')] };
