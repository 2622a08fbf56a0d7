/**
 * Uses pins as a test tells it to: run within the namespace of an emulated chip, where the test itself cannot be.
 * See `remote-gpio.ts`, which starts it.
 */

import { SysfsGpio } from '../../hardware/gpio.sysfs.ts';
import type { InputLine, OutputLine } from '../../hardware/gpio.ts';
import { BlinktPixels } from '../../hardware/pixels.blinkt.ts';
import { emitLine, serveLines } from './json-lines.ts';

const base = process.env.GPIO_BASE;
const gpio = new SysfsGpio({ base: base === undefined ? undefined : Number(base) });
const pixels = new BlinktPixels({ gpio, dataGpio: 23, clockGpio: 24 });
const inputs = new Map<number, InputLine>();
const outputs = new Map<number, OutputLine>();
const watches = new Map<number, () => void>();

await serveLines({
  openInput: async (bcm = 0, activeLow = 0) => {
    inputs.set(bcm, await gpio.openInput(bcm, { activeLow: activeLow === 1 }));
  },
  read: (bcm = 0) => inputs.get(bcm)?.read(),
  watch: (bcm = 0) => {
    const report = (level: number) => emitLine(`level ${bcm}`, level);
    const reportFault = (err: Error) => emitLine(`fault ${bcm}`, err.message);
    const unwatch = inputs.get(bcm)?.watch(report, reportFault);
    if (unwatch !== undefined) watches.set(bcm, unwatch);
  },
  unwatch: (bcm = 0) => watches.get(bcm)?.(),
  closeInput: (bcm = 0) => inputs.get(bcm)?.close(),
  openOutput: async (bcm = 0) => {
    outputs.set(bcm, await gpio.openOutput(bcm));
  },
  write: (bcm = 0, level = 0) => outputs.get(bcm)?.write(level === 1 ? 1 : 0),
  closeOutput: (bcm = 0) => outputs.get(bcm)?.close(),
  openPixels: () => pixels.open(),
  show: (...flat) => {
    const row = Array.from({ length: flat.length / 4 }, (_, i) => {
      const [red = 0, green = 0, blue = 0, brightness = 0] = flat.slice(4 * i, 4 * i + 4);
      return { red, green, blue, brightness };
    });
    pixels.show(row);
  },
  closePixels: () => pixels.close(),
});
