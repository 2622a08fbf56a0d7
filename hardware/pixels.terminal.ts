import type { Pixel } from './pixels.ts';

const fullBrightness = 31;
/** A lit LED is seen at the lowest brightness too; on a screen a linear scale would show it black. */
const dimmest = 0.35;
const unlit = '\u001b[38;2;60;60;60m·';
const reset = '\u001b[0m';

/** One line of text with true-colour escapes: a dot for a dark pixel, a block in its colour for a lit one. */
export function renderBar(pixels: readonly Pixel[]): string {
  return `${pixels.map(renderPixel).join(' ')}${reset}`;
}

function renderPixel({ red, green, blue, brightness }: Pixel): string {
  if (brightness === 0 || red + green + blue === 0) return unlit;
  const scale = dimmest + (1 - dimmest) * (brightness / fullBrightness);
  const [r, g, b] = [red, green, blue].map((value) => Math.round(value * scale));
  return `\u001b[38;2;${r};${g};${b}m█`;
}
