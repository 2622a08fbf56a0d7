import { describe, expect, it } from 'vitest';
import { listChips } from '../../../hardware/gpio-chip.ts';
import { makeTree } from '../../support/tree.ts';

describe('listChips', () => {
  it('reads label, base and number of lines of each chip, lowest base first', async () => {
    const { root } = await makeTree({
      'gpiochip570/label': 'raspberrypi-exp-gpio\n',
      'gpiochip570/base': '570\n',
      'gpiochip570/ngpio': '8\n',
      'gpiochip512/label': 'pinctrl-bcm2711\n',
      'gpiochip512/base': '512\n',
      'gpiochip512/ngpio': '58\n',
      export: '',
      'gpio529/value': '0\n',
    });
    expect(await listChips(root)).toEqual([
      { name: 'gpiochip512', label: 'pinctrl-bcm2711', base: 512, lines: 58 },
      { name: 'gpiochip570', label: 'raspberrypi-exp-gpio', base: 570, lines: 8 },
    ]);
  });

  it('leaves out a chip that goes away while it is read', async () => {
    const { root } = await makeTree({ 'gpiochip512/label': 'pinctrl-bcm2711\n' });
    expect(await listChips(root)).toEqual([]);
  });

  it('says what it may mean that there is no GPIO class', async () => {
    const { root } = await makeTree({});
    await expect(listChips(`${root}/gpio`)).rejects.toMatchObject({
      code: 'GPIO_UNAVAILABLE',
      message: expect.stringMatching(/CONFIG_GPIO_SYSFS.*hardware\.kind to simulated/),
    });
  });
});
