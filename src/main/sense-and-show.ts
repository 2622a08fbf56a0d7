import { randomUUID } from 'node:crypto';
import { uptime } from 'node:os';
import { MotionSensor } from '../../hardware/motion-sensor.ts';
import { HomeAssistant } from '../discovery/home-assistant.ts';
import { Cluster } from '../gauge/cluster.ts';
import { Display } from '../gauge/display.ts';
import { Light } from '../gauge/light.ts';
import { LoadSampler } from '../gauge/load.ts';
import type { Service } from '../lifecycle/service.ts';
import { Climate } from '../sensing/climate.ts';
import { Motion } from '../sensing/motion.ts';
import { Reporter } from '../sensing/report.ts';
import { Sensors } from '../sensing/sensors.ts';
import { ThrottlingWatch } from '../sensing/throttling.ts';
import { type Base, has } from './parts.ts';

/** The role `sense`: sensors become events. */
export function sense(base: Base) {
  const { config, node, clock, log, metrics, bus, outbox, hardware } = base;
  const reporter = new Reporter({
    node,
    report: (event) => outbox.publish(event),
    clock,
    newId: randomUUID,
    log,
    metrics,
  });
  const sensors = new Sensors({ node, bus, log });
  const shared = { reporter, sensors, clock, log, metrics };
  const climate = new Climate({ ...shared, ...config.climate, thermometers: hardware.thermometers });
  const throttling = new ThrottlingWatch({ ...shared, throttling: hardware.throttling });
  const { gpio: bcm, sensor, ...pir } = config.motion;
  // The PIR got its power with the Pi: an agent that is merely restarted need not wait again.
  const warmUpMs = Math.max(0, pir.warmUpMs - uptime() * 1000);
  const motion = new Motion({
    ...shared,
    sensor,
    connect: (listener) => new MotionSensor({ ...pir, warmUpMs, gpio: hardware.gpio, bcm, clock }, listener),
  });
  const services: Service[] = [
    sensors,
    throttling,
    ...(config.climate.enabled ? [climate] : []),
    ...(config.motion.enabled ? [motion] : []),
  ];
  return { sensors, climate, throttling, services };
}

type Sensing = ReturnType<typeof sense>;

/** The role `show`: load becomes light. */
export function show(base: Base, sensing: Sensing | undefined, countInFlight: () => number): Service[] {
  const { config, node, clock, log, metrics, bus, hardware } = base;
  const { gauge } = config;
  const cluster = new Cluster({ node, bus, clock, log, metrics, staleMs: gauge.staleMs });
  const sampler = new LoadSampler({
    ...gauge,
    node,
    bus,
    clock,
    log,
    procRoot: config.hardware.procRoot,
    readCelsius: () => sensing?.climate.celsiusOf('soc'),
    isThrottled: () => sensing?.throttling.isThrottled ?? false,
    countInFlight,
    onSample: (load) => cluster.hear(load),
  });
  if (!gauge.enabled) return [cluster, sampler];
  const { nightFrom, nightTo } = gauge;
  const night =
    nightFrom === undefined || nightTo === undefined ? {} : { night: { from: nightFrom, to: nightTo } };
  const display = new Display({
    ...gauge,
    ...night,
    node,
    pixels: hardware.pixels,
    cluster,
    bus,
    clock,
    log,
    metrics,
  });
  return [cluster, sampler, display, new Light({ node, bus, log })];
}

/** Tells Home Assistant what there is. */
export function discover({ config, node, version, clock, log, bus }: Base, { sensors }: Sensing): Service {
  return new HomeAssistant({
    node,
    bus,
    clock,
    log,
    random: Math.random,
    prefix: config.homeAssistant.prefix,
    version: version.release,
    procRoot: config.hardware.procRoot,
    hasGauge: has(config, 'show') && config.gauge.enabled,
    expireAfterMs: 3 * config.climate.maxSilenceMs,
    sensors,
  });
}
