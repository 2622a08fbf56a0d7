import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firmwareSettings, withSettings } from '../../../../provision/customise/config-txt.ts';
import { root } from '../../../support/repo.ts';

const i2c = 'dtparam=i2c_arm=on';

describe('withSettings', () => {
  it('appends to a file that has no filters', () => {
    expect(withSettings('arm_64bit=1\n', [i2c])).toBe(`arm_64bit=1\n${i2c}\n`);
  });

  it('ends the filter of another model before it appends', () => {
    expect(withSettings('[pi4]\narm_boost=1\n', [i2c])).toBe(`[pi4]\narm_boost=1\n\n[all]\n${i2c}\n`);
  });

  it('appends below an [all] at the end', () => {
    expect(withSettings('[pi4]\narm_boost=1\n[all]\n\n', [i2c])).toBe(`[pi4]\narm_boost=1\n[all]\n${i2c}\n`);
  });

  it('puts in force what is commented out', () => {
    expect(withSettings(`# ${i2c}\narm_64bit=1\n`, [i2c])).toBe(`${i2c}\narm_64bit=1\n`);
  });

  it('leaves alone what is in force already', () => {
    expect(withSettings(`${i2c}\n[pi4]\nx=1`, [i2c])).toBe(`${i2c}\n[pi4]\nx=1`);
  });

  it('does not count what holds for one model only, commented out or not', () => {
    const config = `[pi4]\n${i2c}\n#${i2c}\n`;
    expect(withSettings(config, [i2c])).toBe(`${config}\n[all]\n${i2c}\n`);
  });

  it('keeps the line ends of the file', () => {
    expect(withSettings('x=1\r\n', [i2c])).toBe(`x=1\r\n${i2c}\r\n`);
  });

  it('changes no line but those, and nothing when it is done twice', () => {
    const settings = firmwareSettings(['ds18b20', 'bme280'], true);
    const line = fc.constantFrom('[all]', '[pi4]', '[pi5]', '', '# note', 'x=1', i2c, `#${i2c}`, ...settings);
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const once = withSettings(lines.join('\n'), settings);
        expect(withSettings(once, settings)).toBe(once);
        const isForeign = (one: string) => !one.includes(i2c) && one !== '' && !settings.includes(one);
        const added = once.split('\n').filter(isForeign).slice(0, lines.filter(isForeign).length);
        expect(added).toEqual(lines.filter(isForeign));
      }),
    );
  });
});

describe('firmwareSettings', () => {
  it('asks for nothing where nothing is attached that needs it', () => {
    expect(firmwareSettings(['blinkt', 'pir'], false)).toEqual([]);
  });

  it('names a bus that two sensors share once', () => {
    const settings = firmwareSettings(['bme280', 'bme680'], false);
    expect(settings.filter((line) => line === i2c)).toHaveLength(1);
  });

  it('turns the watchdog on where it is wanted', () => {
    expect(firmwareSettings([], true)).toEqual(['dtparam=watchdog=on']);
  });

  it('agrees with the wiring that people are told', () => {
    const wiring = readFileSync(join(root, 'hardware/WIRING.md'), 'utf8');
    for (const line of firmwareSettings(['dht22', 'bme280'], false)) expect(wiring).toContain(line);
    expect(wiring).toMatch(/DS18B20 thermometer \| data +\| 4 /);
    expect(firmwareSettings(['ds18b20'], false)).toEqual(['dtoverlay=w1-gpio,gpiopin=4']);
  });
});
