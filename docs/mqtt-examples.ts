import { encodeDemand } from '../src/control/demand.ts';
import { encodeEvent } from '../src/events/codec.ts';
import type { BrambleEvent } from '../src/events/event.ts';
import { topics } from '../src/events/topics.ts';
import { encodeCatalogue } from '../src/functions/catalogue-message.ts';
import { encodeFreezeCommand, encodeFreezerState } from '../src/functions/freezing/freezer-message.ts';
import { encodeGaugeState } from '../src/gauge/gauge-state.ts';
import { toLightState } from '../src/gauge/light.ts';
import { encodeNodeLoad } from '../src/gauge/node-load.ts';

const node = 'pi-01';
const time = '2026-05-01T12:00:00.000Z';
const id = '7f6f6f3e-3a0b-4a54-9b0e-0d6f6f2f3c11';
const happening = { id, node, time } as const;
const reading = { ...happening, sequence: 7 } as const;
const cause = { function: 'guard', eventId: '0b0cf6a5-41d5-4c3a-8d3e-5f5b8f0a9d77', hops: 1 } as const;

/** One of each; a kind of event that is missing here does not compile. */
const events: { readonly [Type in BrambleEvent['type']]: Extract<BrambleEvent, { type: Type }> } = {
  'motion.detected': { ...reading, type: 'motion.detected', sensor: 'pir' },
  'motion.cleared': { ...reading, type: 'motion.cleared', sensor: 'pir' },
  'temperature.measured': {
    ...reading,
    type: 'temperature.measured',
    sensor: '28-0316a2797c11',
    celsius: 21.375,
  },
  'humidity.measured': { ...reading, type: 'humidity.measured', sensor: 'dht22', percent: 48.2 },
  'pressure.measured': { ...reading, type: 'pressure.measured', sensor: 'bme280', hectopascals: 1013.25 },
  'throttling.changed': {
    ...reading,
    type: 'throttling.changed',
    sensor: 'soc',
    underVoltage: true,
    frequencyCapped: false,
    throttled: false,
    softTemperatureLimit: false,
  },
  'function.finished': {
    ...happening,
    ...cause,
    type: 'function.finished',
    status: 200,
    durationMs: 2.419,
    attempts: 1,
    result: { alert: 'motion' },
  },
  'function.failed': {
    ...happening,
    ...cause,
    type: 'function.failed',
    status: 500,
    attempts: 5,
    reason: 'status 500 after 5 attempts',
  },
  'function.scaled': {
    ...happening,
    type: 'function.scaled',
    function: 'guard',
    replicas: 5,
    replicasBefore: 1,
    frozen: false,
    reason: 'load',
    explanation: '42 calls in flight or waiting, 10 a replica',
  },
};

/** The examples of docs/MQTT.md, made by the code that the agent publishes with. */
export function renderMqttExamples(): string {
  return [
    ...Object.values(events).map(renderEvent),
    ...[...states(), ...clusterMessages()].map(renderMessage),
  ].join('\n');
}

function renderEvent(event: BrambleEvent): string {
  const { topic, retain, payload } = encodeEvent(event);
  const kept = retain ? ', retained' : '';
  return `**${event.type}** on \`${topic}\`${kept}\n\n${json(Buffer.from(payload).toString())}`;
}

/** The user properties of the first event: all others have theirs in the same way. */
export function renderProperties(): string {
  const { properties } = encodeEvent(events['motion.detected']);
  const rows = Object.entries(properties).map(([name, value]) => `| \`${name}\` | \`${value}\` |`);
  return ['| user property | example |', '| --- | --- |', ...rows, ''].join('\n');
}

interface MessageExample {
  readonly title: string;
  readonly topic: string;
  /** Retained unless told. */
  readonly isRetained?: boolean;
  readonly payload: string;
}

function states(): MessageExample[] {
  const green = { red: 0, green: 255, blue: 0, brightness: 3 };
  const dark = { red: 0, green: 0, blue: 0, brightness: 0 };
  const shown = { view: 'cluster', brightness: 3, red: 255, green: 255, blue: 255 } as const;
  const load = {
    node,
    time,
    cpuRatio: 0.12,
    memoryRatio: 0.31,
    celsius: 47.2,
    throttled: false,
    inFlight: 2,
  };
  return [
    { title: 'load', topic: topics.load(node), payload: encodeNodeLoad(load) },
    {
      title: 'gauge',
      topic: topics.gauge(node),
      payload: encodeGaugeState(shown, [green, ...Array.from({ length: 7 }, () => dark)]),
    },
    { title: 'light', topic: topics.light(node), payload: JSON.stringify(toLightState(shown)) },
  ];
}

/** What agents of a Swarm tell each other. */
function clusterMessages(): MessageExample[] {
  const name = 'guard';
  const version = Date.parse(time);
  const containerId = '4f0c6b0e9d'.padEnd(64, '0');
  const service = {
    image: 'registry.local:5000/guard:latest',
    namespace: '',
    envProcess: '',
    envVars: { max_inflight: '50' },
    constraints: [],
    secrets: [],
    labels: { 'com.openfaas.scale.zero': 'true' },
    annotations: { topic: 'bramble/+/motion/+' },
    limits: null,
    requests: null,
    readOnlyRootFilesystem: false,
    createdAt: time,
  };
  const endpoints = [
    {
      id: 'k3v0s7qx1b9m',
      node: 'pi-02',
      address: '10.0.1.5:8080',
      state: 'ready' as const,
      containerId,
    },
  ];
  const task = { function: name, containerId };
  return [
    {
      title: 'function',
      topic: topics.catalogue(name),
      payload: encodeCatalogue({ name, service, replicas: 1, endpoints, version, at: time }),
    },
    {
      title: 'functions',
      topic: topics.catalogueIndex,
      payload: encodeCatalogue({ names: [name], version }),
    },
    {
      title: 'demand',
      topic: topics.demand(node),
      isRetained: false,
      payload: encodeDemand({
        node,
        at: time,
        functions: { [name]: { inFlight: 2, waiting: 40, requests: 1_234 } },
      }),
    },
    {
      title: 'freezer',
      topic: topics.freezer('pi-02'),
      payload: encodeFreezerState({ node: 'pi-02', at: time, tasks: [task] }),
    },
    {
      title: 'freezer command',
      topic: topics.setFreezer('pi-02'),
      isRetained: false,
      payload: encodeFreezeCommand({ ...task, frozen: true }),
    },
  ];
}

function renderMessage({ title, topic, isRetained = true, payload }: MessageExample): string {
  return `**${title}** on \`${topic}\`${isRetained ? ', retained' : ''}\n\n${json(payload)}`;
}

function json(text: string): string {
  return `\`\`\`json\n${text}\n\`\`\`\n`;
}
