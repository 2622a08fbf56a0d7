import type { HardwareName } from '../../src/config/cluster.ts';
import type { BootFile } from './boot-files.ts';
import type { NodeSetup } from './node-setup.ts';

/** Lines of `config.txt` for what is attached; pins and addresses as hardware/WIRING.md has them. */
const linesOf: Readonly<Record<HardwareName, readonly string[]>> = {
  // Driven through the GPIO's own files.
  blinkt: [],
  pir: [],
  ds18b20: ['dtoverlay=w1-gpio,gpiopin=4'],
  // One driver reads both kinds.
  dht11: ['dtoverlay=dht11,gpiopin=22'],
  dht22: ['dtoverlay=dht11,gpiopin=22'],
  bme280: ['dtparam=i2c_arm=on', 'dtoverlay=i2c-sensor,bme280,addr=0x76'],
  bme680: ['dtparam=i2c_arm=on', 'dtoverlay=i2c-sensor,bme680,addr=0x76'],
};

/** The image's `config.txt`, with what this node needs. */
export function configTxt({ hardware, hasWatchdog }: NodeSetup, present: string): BootFile {
  return {
    path: 'config.txt',
    content: withSettings(present, firmwareSettings(hardware, hasWatchdog)),
    isSecret: false,
    purpose: 'overlays for what is attached',
  };
}

/** What the firmware has to be told, each line once. */
export function firmwareSettings(hardware: readonly HardwareName[], hasWatchdog: boolean): string[] {
  const lines = [...(hasWatchdog ? ['dtparam=watchdog=on'] : []), ...hardware.flatMap((one) => linesOf[one])];
  return [...new Set(lines)];
}

/**
 * `config.txt` with these settings for every model: one that is there already stays, one that is commented out is put in
 * force, any other is added at the end, under `[all]`. Nothing else changes. Twice is the same as once.
 */
export function withSettings(config: string, settings: readonly string[]): string {
  const ending = config.includes('\r\n') ? '\r\n' : '\n';
  const lines = config.split(/\r?\n/);
  const missing = settings.filter((setting) => !isInForce(lines, setting) && !uncomment(lines, setting));
  if (missing.length > 0) {
    while (lines.at(-1)?.trim() === '') lines.pop();
    lines.push(...(isForAll(lines, lines.length) ? [] : ['', '[all]']), ...missing, '');
  }
  return lines.join(ending);
}

function isInForce(lines: readonly string[], setting: string): boolean {
  return lines.some((line, index) => line.trim() === setting && isForAll(lines, index));
}

function uncomment(lines: string[], setting: string): boolean {
  const index = lines.findIndex(
    (line, at) => line.trim().replace(/^#\s*/, '') === setting && isForAll(lines, at),
  );
  if (index >= 0) lines[index] = setting;
  return index >= 0;
}

/** Whether no filter, like `[pi4]`, stands over a line. The file begins without one. */
function isForAll(lines: readonly string[], index: number): boolean {
  const filter = lines.slice(0, index).findLast((line) => /^\s*\[.*\]/.test(line));
  return filter === undefined || filter.trim().toLowerCase().startsWith('[all]');
}
