import { SimGpio } from '../../hardware/gpio.sim.ts';
import { SysfsGpio } from '../../hardware/gpio.sysfs.ts';
import type { Gpio, Level } from '../../hardware/gpio.ts';
import { BlinktPixels } from '../../hardware/pixels.blinkt.ts';
import { SimPixels } from '../../hardware/pixels.sim.ts';
import type { Pixels } from '../../hardware/pixels.ts';
import { SimThermometer, SimThermometers } from '../../hardware/thermometer.sim.ts';
import { SysfsThermometers } from '../../hardware/thermometer.sysfs.ts';
import type { Thermometers } from '../../hardware/thermometer.ts';
import { SimThrottling } from '../../hardware/throttling.sim.ts';
import { SysfsThrottling } from '../../hardware/throttling.sysfs.ts';
import type { Throttling } from '../../hardware/throttling.ts';
import type { Config } from '../config/schema.ts';
import type { SimulatedChange } from '../gateway/ports.ts';
import type { Clock } from '../support/clock.ts';
import { BrambleError } from '../support/errors.ts';

export interface Hardware {
  readonly gpio: Gpio;
  readonly pixels: Pixels;
  readonly thermometers: Thermometers;
  readonly throttling: Throttling;
  /** Only where the hardware is simulated. */
  readonly simulation?: Simulation;
}

/** The parts of a simulated Pi that people and tests can take hold of. */
export interface Simulation {
  readonly pixels: SimPixels;
  /** Rejects NOT_FOUND for an unknown sensor. */
  change(change: SimulatedChange): Promise<void>;
  /** What the simulated Pi feels now. */
  state(): Promise<{
    readonly isMotion: boolean;
    readonly celsius: number;
    readonly isUnderVoltage: boolean;
  }>;
}

/** Constructs only: nothing is opened before its service starts. */
export function chooseHardware({ hardware, motion, gauge }: Config, clock: Clock): Hardware {
  if (hardware.kind === 'simulated') return simulatedPi(motion, clock);
  const gpio = new SysfsGpio({ base: hardware.gpioBase });
  return {
    gpio,
    pixels: new BlinktPixels({ gpio, dataGpio: gauge.dataGpio, clockGpio: gauge.clockGpio }),
    thermometers: new SysfsThermometers({ root: hardware.sysfsRoot, clock }),
    throttling: new SysfsThrottling({ root: hardware.sysfsRoot }),
  };
}

function simulatedPi({ gpio: pirGpio, activeLow }: Config['motion'], clock: Clock): Hardware {
  const gpio = new SimGpio();
  const random = Math.random;
  const room = new SimThermometer(
    { celsius: 21.5 },
    { id: '28-000000000001', model: 'DS18B20', clock, random },
  );
  const soc = new SimThermometer({ celsius: 44 }, { id: 'soc', model: 'SoC', clock, random });
  const thermometers = new SimThermometers([room, soc]);
  const throttling = new SimThrottling();
  const pixels = new SimPixels();
  const quiet: Level = activeLow ? 1 : 0;
  const moving: Level = activeLow ? 0 : 1;
  gpio.setLevel(pirGpio, quiet);

  const change = async ({ motion, celsius, sensor = room.id, throttling: changed }: SimulatedChange) => {
    const thermometer = thermometers.get(sensor);
    if (thermometer === undefined) {
      const known = (await thermometers.discover()).map(({ id }) => id).join(', ');
      throw new BrambleError('NOT_FOUND', `there is no simulated thermometer ${sensor}; there are ${known}`);
    }
    if (motion !== undefined) gpio.setLevel(pirGpio, motion ? moving : quiet);
    if (celsius !== undefined) thermometer.set({ celsius });
    if (changed !== undefined) throttling.set(changed);
  };
  const state = async () => ({
    isMotion: gpio.levelOf(pirGpio) === moving,
    celsius: (await room.read(AbortSignal.timeout(1_000))).celsius ?? 0,
    isUnderVoltage: (await throttling.read()).underVoltage,
  });
  return { gpio, pixels, thermometers, throttling, simulation: { pixels, change, state } };
}
