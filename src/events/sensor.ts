import type { SensorEvent } from './event.ts';

type KindOf<EventType extends string> = EventType extends `${infer Kind}.${string}` ? Kind : never;

/** Third level of a sensor's topic: `motion`, `temperature`, … */
export type SensorKind = KindOf<SensorEvent['type']>;

/** One quantity that a node measures: what other systems need to know to show it. */
export interface SensorDescription {
  readonly kind: SensorKind;
  /** Its name in topics: `pir`, `28-0316a2797c`, `soc`. */
  readonly sensor: string;
  /** What it is, for people: `DS18B20`, `PIR`. */
  readonly model: string;
}
