import { describe, expect, it } from 'vitest';
import { findHeaderChip, type GpioChip } from '../../../hardware/gpio-chip.ts';

const chip = (label: string, base: number, lines: number): GpioChip => ({
  name: `gpiochip${base}`,
  label,
  base,
  lines,
});
const expander = chip('raspberrypi-exp-gpio', 570, 8);

describe('findHeaderChip', () => {
  it.each([
    ['a Pi 3', [chip('pinctrl-bcm2835', 512, 54), chip('raspberrypi-exp-gpio', 566, 8)], 512],
    ['a Pi 4', [chip('pinctrl-bcm2711', 512, 58), expander], 512],
    ['a Pi with an old kernel', [chip('pinctrl-bcm2835', 0, 54), chip('raspberrypi-exp-gpio', 504, 8)], 0],
    [
      'a Pi 5, whose other chips come first',
      [
        chip('gpio-brcmstb@107d508500', 512, 32),
        chip('gpio-brcmstb@107d517c00', 544, 17),
        chip('pinctrl-rp1', 571, 54),
      ],
      571,
    ],
    ['an unknown board with one large chip', [chip('new-pinctrl', 300, 40), expander], 300],
  ])('finds the header of %s', (_, chips, base) => {
    expect(findHeaderChip(chips).base).toBe(base);
  });

  it('does not guess between two large chips', () => {
    const chips = [chip('one', 0, 32), chip('other', 32, 32)];
    expect(() => findHeaderChip(chips)).toThrow(
      /gpiochip0 one with lines 0 to 31, gpiochip32 other .*hardware\.gpioBase/,
    );
    expect(findHeaderChip(chips, 32).label).toBe('other');
  });

  it('takes the base it is told rather than a label, and no base that no chip has', () => {
    const chips = [chip('pinctrl-rp1', 571, 54), expander];
    expect(findHeaderChip(chips, 570).label).toBe('raspberrypi-exp-gpio');
    expect(() => findHeaderChip(chips, 512)).toThrow('none starts at line 512');
  });

  it('says when there is no chip at all', () => {
    expect(() => findHeaderChip([])).toThrow('none found');
  });
});
