import type { Metrics } from '../support/metrics.ts';

export interface BusMetrics {
  connected(isConnected: boolean): void;
  reconnected(): void;
  message(direction: 'in' | 'out'): void;
}

export function busMetrics(metrics: Metrics): BusMetrics {
  const connected = metrics.gauge('bramble_bus_connected', '1 while the MQTT broker can be reached');
  const reconnects = metrics.counter(
    'bramble_bus_reconnects_total',
    'Connections to the broker after the first',
  );
  const messages = metrics.counter('bramble_bus_messages_total', 'MQTT messages', ['direction']);
  return {
    connected: (isConnected) => connected.set(isConnected ? 1 : 0),
    reconnected: () => reconnects.inc(),
    message: (direction) => messages.inc({ direction }),
  };
}
