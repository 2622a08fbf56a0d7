import { messageOf } from '../../support/errors.ts';
import { type Check, fail, ok, type Verdict, warn } from '../finding.ts';

/** The controller of the header's pins, as the kernel lists it. */
export interface HeaderChip {
  readonly name: string;
  readonly label: string;
  readonly base: number;
  readonly lines: number;
}

export interface GpioProbes {
  /** Rejects with GPIO_UNAVAILABLE and what is there instead. */
  findChip(): Promise<HeaderChip>;
  /** Rejects when the package is not installed or its native part does not load. */
  loadDriver(signal: AbortSignal): Promise<void>;
  /** `Raspberry Pi 4 Model B …`; `undefined` on another machine. */
  readModel(): Promise<string | undefined>;
}

export function checkGpio({ findChip, loadDriver, readModel }: GpioProbes): Check {
  return {
    name: 'GPIO',
    run: async (signal) => {
      const model = await readModel();
      return [await examineChip(findChip, model), await examineDriver(loadDriver, signal, model)];
    },
  };
}

async function examineChip(findChip: GpioProbes['findChip'], model: string | undefined): Promise<Verdict> {
  try {
    const { name, label, base, lines } = await findChip();
    return ok(`${name} ${label}: BCM 0 is line ${base}, ${lines} lines`);
  } catch (err) {
    if (model === undefined) {
      return warn(
        'this is no Raspberry Pi: there are no pins',
        'run bramble dev, which simulates them, or set hardware.kind to simulated',
      );
    }
    return fail(`${model}: ${messageOf(err)}`, 'see hardware/WIRING.md');
  }
}

async function examineDriver(
  loadDriver: GpioProbes['loadDriver'],
  signal: AbortSignal,
  model: string | undefined,
): Promise<Verdict> {
  try {
    await loadDriver(signal);
    return ok('onoff loads');
  } catch {
    const judge = model === undefined ? warn : fail;
    return judge(
      'onoff does not load, so no pin can be used',
      'install it with its native part: npm install onoff',
    );
  }
}
