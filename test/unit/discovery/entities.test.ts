import { describe, expect, it } from 'vitest';
import { configTopic, renderEntities } from '../../../src/discovery/entities.ts';
import type { SensorDescription } from '../../../src/events/sensor.ts';

const description = {
  node: 'pi-01',
  version: '0.1.0',
  info: { model: 'Raspberry Pi 4 Model B Rev 1.5', serial: '10000000abcdef01' },
  hasGauge: true,
  expireAfterMs: 180_000,
};
const sensors: SensorDescription[] = [
  { kind: 'temperature', sensor: '28-0316a2797c', model: 'DS18B20' },
  { kind: 'humidity', sensor: 'bme280', model: 'BME280' },
  { kind: 'pressure', sensor: 'bme280', model: 'BME280' },
  { kind: 'temperature', sensor: 'soc', model: 'SoC' },
  { kind: 'motion', sensor: 'pir', model: 'PIR' },
  { kind: 'throttling', sensor: 'soc', model: 'SoC' },
];
const entities = renderEntities({ ...description, sensors });
const configOf = (objectId: string) => entities.find((entity) => entity.objectId === objectId)?.config;
const device = {
  identifiers: ['bramble_pi-01'],
  name: 'pi-01',
  manufacturer: 'Raspberry Pi',
  model: 'Raspberry Pi 4 Model B Rev 1.5',
  serial_number: '10000000abcdef01',
  sw_version: '0.1.0',
};
const origin = { name: 'Bramble', sw_version: '0.1.0' };

describe('discovery', () => {
  it('describes a thermometer', () => {
    expect(configOf('bramble_pi-01_temperature_28-0316a2797c')).toEqual({
      name: 'Temperature (DS18B20 28-0316a2797c)',
      unique_id: 'bramble_pi-01_temperature_28-0316a2797c',
      default_entity_id: 'sensor.pi_01_temperature_28_0316a2797c',
      object_id: 'pi_01_temperature_28_0316a2797c',
      state_topic: 'bramble/pi-01/temperature/28-0316a2797c',
      value_template: '{{ value_json.celsius }}',
      device_class: 'temperature',
      state_class: 'measurement',
      unit_of_measurement: '°C',
      suggested_display_precision: 1,
      expire_after: 180,
      qos: 1,
      availability_mode: 'all',
      availability: [
        { topic: 'bramble/pi-01/status' },
        { topic: 'bramble/pi-01/temperature/28-0316a2797c/status' },
      ],
      device,
      origin,
    });
  });

  it('describes a motion sensor, which never expires', () => {
    expect(configOf('bramble_pi-01_motion_pir')).toEqual({
      name: 'Motion (PIR pir)',
      unique_id: 'bramble_pi-01_motion_pir',
      default_entity_id: 'binary_sensor.pi_01_motion_pir',
      object_id: 'pi_01_motion_pir',
      state_topic: 'bramble/pi-01/motion/pir',
      json_attributes_topic: 'bramble/pi-01/motion/pir',
      value_template: "{{ 'ON' if value_json.motion else 'OFF' }}",
      payload_on: 'ON',
      payload_off: 'OFF',
      device_class: 'motion',
      qos: 1,
      availability_mode: 'all',
      availability: [{ topic: 'bramble/pi-01/status' }, { topic: 'bramble/pi-01/motion/pir/status' }],
      device,
      origin,
    });
  });

  it('describes the pixels as a light whose effects are the views', () => {
    expect(configOf('bramble_pi-01_light_blinkt')).toEqual({
      name: 'Blinkt!',
      schema: 'json',
      unique_id: 'bramble_pi-01_light_blinkt',
      default_entity_id: 'light.pi_01_light_blinkt',
      object_id: 'pi_01_light_blinkt',
      state_topic: 'bramble/pi-01/light/blinkt/state',
      command_topic: 'bramble/pi-01/light/blinkt/set',
      brightness: true,
      brightness_scale: 31,
      supported_color_modes: ['rgb'],
      effect: true,
      effect_list: ['cluster', 'nodes', 'node', 'solid'],
      qos: 1,
      availability_mode: 'all',
      availability: [{ topic: 'bramble/pi-01/status' }],
      device,
      origin,
    });
  });

  it('calls what concerns the board itself a diagnosis', () => {
    const diagnoses = entities.filter(({ config }) => config.entity_category === 'diagnostic');
    expect(diagnoses.map(({ config }) => config.name)).toEqual([
      'SoC temperature',
      'SoC throttling',
      'CPU load',
      'Memory use',
    ]);
  });

  it('uses only letters, digits, "_" and "-" in ids, each of them once', () => {
    const odd = renderEntities({
      ...description,
      sensors: [...sensors, { kind: 'temperature', sensor: 'küche.1', model: 'DHT22' }],
    });
    for (const { objectId, config } of odd) {
      expect(objectId).toMatch(/^[a-zA-Z0-9_-]+$/);
      expect(config.unique_id).toBe(objectId);
      expect(config.default_entity_id).toMatch(/^(sensor|binary_sensor|light)\.[a-z0-9_]+$/);
    }
    expect(new Set(odd.map(({ objectId }) => objectId)).size).toBe(odd.length);
  });

  it('goes to one topic an entity', () => {
    expect(entities.map((entity) => configTopic('homeassistant', entity))).toEqual([
      'homeassistant/sensor/bramble_pi-01_temperature_28-0316a2797c/config',
      'homeassistant/sensor/bramble_pi-01_humidity_bme280/config',
      'homeassistant/sensor/bramble_pi-01_pressure_bme280/config',
      'homeassistant/sensor/bramble_pi-01_temperature_soc/config',
      'homeassistant/binary_sensor/bramble_pi-01_motion_pir/config',
      'homeassistant/binary_sensor/bramble_pi-01_throttling_soc/config',
      'homeassistant/light/bramble_pi-01_light_blinkt/config',
      'homeassistant/sensor/bramble_pi-01_load_cpu/config',
      'homeassistant/sensor/bramble_pi-01_load_memory/config',
    ]);
  });

  it('leaves out pixels and load where there are none, and what is not known of the node', () => {
    const [only, ...others] = renderEntities({
      ...description,
      info: {},
      sensors: sensors.slice(0, 1),
      hasGauge: false,
    });
    expect(others).toEqual([]);
    expect(only?.config.device).toEqual({
      identifiers: ['bramble_pi-01'],
      name: 'pi-01',
      manufacturer: 'Raspberry Pi',
      model: 'Bramble node',
      sw_version: '0.1.0',
    });
  });
});
