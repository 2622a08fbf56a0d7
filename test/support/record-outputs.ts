import type { Gpio, Level } from '../../hardware/gpio.ts';

/** The same pins, with each write to an output reported after it was made. */
export function recordOutputs(
  gpio: Gpio,
  onWrite: (bcm: number, level: Level) => void,
): Pick<Gpio, 'openOutput'> {
  return {
    openOutput: async (bcm) => {
      const line = await gpio.openOutput(bcm);
      return {
        bcm,
        write: (level) => {
          line.write(level);
          onWrite(bcm, level);
        },
        close: () => line.close(),
      };
    },
  };
}
