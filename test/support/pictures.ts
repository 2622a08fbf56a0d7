import type { Pixel } from '../../hardware/pixels.ts';

/** Eight pixels whose every byte differs, so that no two can be mixed up. */
export const colourful: readonly Pixel[] = Array.from({ length: 8 }, (_, i) => ({
  red: 3 + 31 * i,
  green: 250 - 29 * i,
  blue: 1 + 17 * i,
  brightness: 31 - 4 * i,
}));

/** The bits of a frame as the datasheet lays them out, written apart from the code that sends them. */
export function bitsOfFrame(pixels: readonly Pixel[]): string {
  const binary = (value: number, width: number) => value.toString(2).padStart(width, '0');
  const words = pixels.map(
    ({ red, green, blue, brightness }) =>
      `111${binary(brightness, 5)}${binary(blue, 8)}${binary(green, 8)}${binary(red, 8)}`,
  );
  return '0'.repeat(32) + words.join('') + '0'.repeat(36);
}

/** As the agent writes colours: `#ff8000`. */
export function toHex({ red, green, blue }: Pixel): string {
  return `#${[red, green, blue].map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}
