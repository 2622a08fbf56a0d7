import { describe, expect, it } from 'vitest';
import { decodeSlave } from '../../../hardware/one-wire.ts';
import { slaveText } from '../../support/sensors.ts';

const decode = (text: string) => decodeSlave('28-0316a2797cff', text.trim());

describe('decodeSlave', () => {
  it.each([
    [23_125, 23.125],
    [-10_062, -10.062],
    [0, 0],
    [125_000, 125],
    [-55_000, -55],
  ])('reads t=%i as %d °C', (milliCelsius, celsius) => {
    expect(decode(slaveText(milliCelsius))).toBe(celsius);
  });

  it('takes the power-up value for a reading: only its neighbours can tell', () => {
    expect(decode(slaveText(85_000))).toBe(85);
  });

  it.each([
    ['a wrong checksum', slaveText(21_500, { verdict: 'NO' }), 'checksum'],
    [
      'nine zero bytes, whose checksum is right',
      slaveText(0, { bytes: '00 00 00 00 00 00 00 00 00' }),
      'zeros',
    ],
    ['the value of a sensor without power', slaveText(127_937), 'too little power'],
    ['more than it can measure', slaveText(125_001), 'beyond what it can measure'],
    ['less than it can measure', slaveText(-55_001), 'beyond what it can measure'],
    ['an empty file', '', 'not a reading'],
    ['half a file', '58 01 4b 46 7f ff 0c 10 5d : crc=5d YES', 'not a reading'],
  ])('refuses %s', (_, text, reason) => {
    expect(() => decode(text)).toThrow(
      expect.objectContaining({
        code: 'SENSOR_FAULT',
        message: expect.stringMatching(new RegExp(`28-0316a2797cff.*${reason}`)),
      }),
    );
  });
});
