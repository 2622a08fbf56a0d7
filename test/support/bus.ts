import { randomUUID } from 'node:crypto';
import { MqttBus, type MqttBusOptions } from '../../src/bus/bus.mqtt.ts';
import type { Presence } from '../../src/bus/bus.ts';
import { systemClock } from '../../src/support/clock.system.ts';
import { silentLog } from '../../src/support/log.ts';
import { Metrics } from '../../src/support/metrics.ts';

/** A presence that no other test has. */
export function ownPresence(): Presence {
  return { topic: `bramble/pi-${randomUUID()}/status`, online: 'online', offline: 'offline' };
}

/** Not started. Has its own client id, and comes back quickly after a break. */
export function newMqttBus(options: Pick<MqttBusOptions, 'url'> & Partial<MqttBusOptions>): MqttBus {
  return new MqttBus({
    clientId: `test-${randomUUID()}`,
    protocol: 'auto',
    clock: systemClock,
    log: silentLog,
    metrics: new Metrics(),
    random: () => 0,
    ...options,
  });
}

export const notAborted = new AbortController().signal;
