import { describe, expect, it } from 'vitest';
import { renderBar } from '../../../hardware/pixels.terminal.ts';
import { dark } from '../../../hardware/pixels.ts';
import { colourful } from '../../support/pictures.ts';

describe('renderBar', () => {
  const blocks = (bar: string) => [...bar].filter((char) => char === '█' || char === '·').join('');

  it('draws a dot for a dark pixel and a block for a lit one', () => {
    expect(blocks(renderBar([...colourful.slice(0, 3), dark, { ...dark, brightness: 31 }]))).toBe('███··');
  });

  it('keeps the colour and dims it with the brightness', () => {
    const orange = { red: 255, green: 128, blue: 0 };
    expect(renderBar([{ ...orange, brightness: 31 }])).toContain('[38;2;255;128;0m█');
    expect(renderBar([{ ...orange, brightness: 1 }])).toContain('[38;2;95;47;0m█');
  });

  it('leaves the terminal’s colour as it was', () => {
    expect(renderBar(colourful).endsWith('\u001b[0m')).toBe(true);
  });
});
