import type { SensorDescription, SensorKind } from '../events/sensor.ts';
import { topics } from '../events/topics.ts';
import type { NodeInfo } from './node-info.ts';

/** Everything about this node that a discovery message tells. */
export interface NodeDescription {
  readonly node: string;
  readonly version: string;
  readonly info: NodeInfo;
  readonly sensors: readonly SensorDescription[];
  /** Does this node have pixels and publish its load? */
  readonly hasGauge: boolean;
  /** A measured value older than this is not shown any more. */
  readonly expireAfterMs: number;
}

/** One discovery message: where, and what. */
export interface Entity {
  readonly component: 'sensor' | 'binary_sensor' | 'light';
  readonly objectId: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** All entities of a node, in Home Assistant's single-component form, which openHAB and Domoticz read too. */
export function renderEntities(description: NodeDescription): readonly Entity[] {
  const { sensors, hasGauge } = description;
  return [
    ...sensors.map((sensor) => renderSensor(sensor, description)),
    ...(hasGauge ? [renderLight(description), ...renderLoad(description)] : []),
  ];
}

export function configTopic(prefix: string, { component, objectId }: Entity): string {
  return `${prefix}/${component}/${objectId}/config`;
}

/** What a state class, a unit and a template make of each kind of sensor. */
function traitsOf(
  kind: SensorKind,
  expireAfterMs: number,
): { label: string; config: Record<string, unknown> } {
  const measured = { state_class: 'measurement', expire_after: Math.ceil(expireAfterMs / 1000) };
  switch (kind) {
    case 'temperature':
      return {
        label: 'Temperature',
        config: {
          ...measured,
          device_class: 'temperature',
          unit_of_measurement: '°C',
          suggested_display_precision: 1,
          value_template: '{{ value_json.celsius }}',
        },
      };
    case 'humidity':
      return {
        label: 'Humidity',
        config: {
          ...measured,
          device_class: 'humidity',
          unit_of_measurement: '%',
          suggested_display_precision: 0,
          value_template: '{{ value_json.percent }}',
        },
      };
    case 'pressure':
      return {
        label: 'Pressure',
        config: {
          ...measured,
          device_class: 'atmospheric_pressure',
          unit_of_measurement: 'hPa',
          suggested_display_precision: 1,
          value_template: '{{ value_json.hectopascals }}',
        },
      };
    case 'motion':
      return {
        label: 'Motion',
        config: {
          device_class: 'motion',
          value_template: "{{ 'ON' if value_json.motion else 'OFF' }}",
          payload_on: 'ON',
          payload_off: 'OFF',
        },
      };
    case 'throttling':
      return {
        label: 'Throttling',
        config: {
          device_class: 'problem',
          value_template:
            "{{ 'ON' if value_json.underVoltage or value_json.frequencyCapped or value_json.throttled " +
            "or value_json.softTemperatureLimit else 'OFF' }}",
          payload_on: 'ON',
          payload_off: 'OFF',
        },
      };
    default:
      return kind satisfies never;
  }
}

function renderSensor({ kind, sensor, model }: SensorDescription, description: NodeDescription): Entity {
  const { node, expireAfterMs } = description;
  const { label, config } = traitsOf(kind, expireAfterMs);
  const stateTopic = topics.event(node, kind, sensor);
  const isBinary = kind === 'motion' || kind === 'throttling';
  const isOwn = sensor === 'soc'; // the board itself, not what it was bought to watch
  return toEntity(
    isBinary ? 'binary_sensor' : 'sensor',
    [kind, sensor],
    {
      name: isOwn ? `SoC ${label.toLowerCase()}` : `${label} (${model} ${sensor})`,
      state_topic: stateTopic,
      ...config,
      // Not for measured values: each attribute that changes with every reading would fill the recorder's database.
      ...(isBinary ? { json_attributes_topic: stateTopic } : {}),
      ...(isOwn ? { entity_category: 'diagnostic' } : {}),
    },
    [topics.sensorStatus(node, kind, sensor)],
    description,
  );
}

function renderLoad(description: NodeDescription): Entity[] {
  const percentage = (key: string, name: string, field: string) =>
    toEntity(
      'sensor',
      ['load', key],
      {
        name,
        state_topic: topics.load(description.node),
        // A node that leaves empties its load topic.
        value_template: `{{ (value_json.${field} * 100) | round(0) if value_json is defined else '' }}`,
        unit_of_measurement: '%',
        state_class: 'measurement',
        entity_category: 'diagnostic',
      },
      [],
      description,
    );
  return [percentage('cpu', 'CPU load', 'cpuRatio'), percentage('memory', 'Memory use', 'memoryRatio')];
}

function renderLight(description: NodeDescription): Entity {
  const { node } = description;
  return toEntity(
    'light',
    ['light', 'blinkt'],
    {
      name: 'Blinkt!',
      schema: 'json',
      state_topic: topics.light(node),
      command_topic: topics.setLight(node),
      brightness: true,
      brightness_scale: 31,
      supported_color_modes: ['rgb'],
      effect: true,
      effect_list: ['cluster', 'nodes', 'node', 'solid'],
    },
    [],
    description,
  );
}

/** Adds what every entity has. It is available while the node is and all of `statusTopics` say so. */
function toEntity(
  component: Entity['component'],
  parts: readonly string[],
  config: Record<string, unknown>,
  statusTopics: readonly string[],
  { node, version, info }: NodeDescription,
): Entity {
  const objectId = ['bramble', node, ...parts].map(toId).join('_');
  const entityName = [node, ...parts].map(toEntityName).join('_');
  return {
    component,
    objectId,
    config: {
      ...config,
      unique_id: objectId,
      // The first is the newer name of the second; older versions know only that.
      default_entity_id: `${component}.${entityName}`,
      object_id: entityName,
      qos: 1,
      availability_mode: 'all',
      availability: [topics.status(node), ...statusTopics].map((topic) => ({ topic })),
      device: {
        identifiers: [toId(`bramble_${node}`)],
        name: node,
        manufacturer: 'Raspberry Pi',
        model: info.model ?? 'Bramble node',
        ...(info.serial === undefined ? {} : { serial_number: info.serial }),
        sw_version: version,
      },
      origin: { name: 'Bramble', sw_version: version },
    },
  };
}

/** Ids of discovery topics: letters, digits, `_` and `-` only. */
function toId(text: string): string {
  return text.replaceAll(/[^a-zA-Z0-9_-]/g, '_');
}

/** Names of entities are slugs, without capitals and hyphens. */
function toEntityName(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_');
}
