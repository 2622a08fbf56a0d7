import type { Output } from './context.ts';
import { printable } from './table.ts';

/** Lines at the end of a terminal's text that are drawn over and over, below those that stay. */
export interface LiveLines {
  /** Puts these in place of the ones before. */
  draw(lines: readonly string[]): void;
  /** A line that stays, above the others, or above these in place of them. */
  print(line: string, lines?: readonly string[]): void;
}

export function createLiveLines(output: Output): LiveLines {
  let live: readonly string[] = [];
  let drawn = 0;
  const draw = (above = ''): void => {
    const up = drawn > 0 ? `\u001b[${drawn}A` : '';
    const width = (output.columns || 80) - 1; // in its last column some terminals begin a new line
    const lines = live.map((line) => `${[...line].slice(0, width).join('')}\n`);
    output.write(`${up}\u001b[J${above}${lines.join('')}`);
    drawn = live.length;
  };
  return {
    draw(lines) {
      live = lines.map(printable);
      draw();
    },
    print(line, lines) {
      live = lines?.map(printable) ?? live;
      draw(`${line}\n`);
    },
  };
}
