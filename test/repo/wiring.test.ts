import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigSchema } from '../../src/config/schema.ts';
import { check } from '../../src/support/schema.ts';
import { root } from '../support/repo.ts';

/** BCM number → place on the 40-pin header. */
const places: Record<string, number> = { 2: 3, 3: 5, 4: 7, 17: 11, 22: 15, 23: 16, 24: 18 };

const text = readFileSync(join(root, 'hardware/WIRING.md'), 'utf8');
const rows = text
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter((cells) => /^\d+$/.test(cells[3] ?? ''))
  .map(([, , , bcm = '', place, setting = '']) => ({
    bcm,
    place: Number(place),
    setting: setting.replaceAll('`', ''),
  }));

describe('the wiring table', () => {
  it('has the pins that the configuration has by default', () => {
    const { motion, gauge } = check(ConfigSchema, {}, { what: 'the defaults' });
    const bySetting = Object.fromEntries(rows.map(({ setting, bcm }) => [setting, Number(bcm)]));
    expect(bySetting).toMatchObject({
      'gauge.dataGpio': gauge.dataGpio,
      'gauge.clockGpio': gauge.clockGpio,
      'motion.gpio': motion.gpio,
    });
    expect(text).toContain(`gpio=${motion.gpio}=pd`);
  });

  it('gives each pin its place on the header, and no pin to two parts', () => {
    expect(rows.length).toBe(Object.keys(places).length);
    expect(rows.map(({ bcm, place }) => [bcm, place])).toEqual(rows.map(({ bcm }) => [bcm, places[bcm]]));
    expect(new Set(rows.map(({ bcm }) => bcm)).size).toBe(rows.length);
  });

  it('is what the drawings show', () => {
    const drawn = [...text.matchAll(/(\d+)\s+BCM (\d+)/g)].map(([, place, bcm = '']) => [bcm, Number(place)]);
    expect(drawn.length).toBeGreaterThanOrEqual(rows.length);
    expect(drawn).toEqual(drawn.map(([bcm = '']) => [bcm, places[bcm]]));
  });
});
