import { join } from 'node:path';
import type { Pixel } from '../../hardware/pixels.ts';
import type { GpioUnderTest } from '../contract/gpio-contract.ts';
import type { PixelsUnderTest } from '../contract/pixels-contract.ts';
import type { Pins } from './in-private-sysfs.ts';
import { LineClient } from './json-lines.ts';
import { root } from './repo.ts';

export interface RemoteGpio {
  readonly gpio: GpioUnderTest;
  readonly pixels: PixelsUnderTest;
  /** Ends it as a crash would: its pins stay exported. */
  kill(): Promise<void>;
  /** Lets it end by itself, which it does when it watches nothing any more. Resolves with its exit status. */
  end(): Promise<number | null>;
}

/** The real adapters, in a process that sees the emulated pins. */
export function startRemoteGpio(pins: Pick<Pins, 'spawn'>, env: Record<string, string> = {}): RemoteGpio {
  const probe = join(root, 'test/support/gpio-probe.ts');
  const child = pins.spawn(process.execPath, ['--import', 'tsx', probe], { env: { ...process.env, ...env } });
  const client = new LineClient(child);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    gpio: connectGpio(client),
    pixels: {
      size: 8,
      open: () => client.call('openPixels'),
      show: (row) => client.call('show', ...row.flatMap(flatten)),
      close: () => client.call('closePixels'),
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
    end: () => {
      child.stdin.end();
      return ended;
    },
  };
}

function connectGpio(client: LineClient): GpioUnderTest {
  return {
    openInput: async (bcm, { activeLow = false } = {}) => {
      await client.call('openInput', bcm, activeLow ? 1 : 0);
      return {
        read: () => client.call('read', bcm),
        watch: async (listener, onFault) => {
          client.on(`level ${bcm}`, (level) => listener(level === 1 ? 1 : 0));
          client.on(`fault ${bcm}`, (message) => onFault(new Error(String(message))));
          await client.call('watch', bcm);
          return () => client.call('unwatch', bcm);
        },
        close: () => client.call('closeInput', bcm),
      };
    },
    openOutput: async (bcm) => {
      await client.call('openOutput', bcm);
      return {
        write: (level) => client.call('write', bcm, level),
        close: () => client.call('closeOutput', bcm),
      };
    },
  };
}

function flatten({ red, green, blue, brightness }: Pixel): number[] {
  return [red, green, blue, brightness];
}
