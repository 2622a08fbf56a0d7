/**
 * A GPIO controller on `/sys/class/gpio` of a private mount namespace, for programs that know nothing of it. A process
 * of its own, since such a program blocks in its system calls until this one answers. Standard input and output tell
 * it what happens outside of the pins: see `../in-private-sysfs.ts`, which starts it.
 */
import { parseArgs } from 'node:util';
import { Apa102Decoder } from '../apa102-decoder.ts';
import { emitLine, serveLines } from '../json-lines.ts';
import { EmulatedChip } from './chip.ts';
import { FuseServer } from './fuse.ts';
import { mountFolder, mountGpioClass } from './mount.ts';
import { SysfsTree } from './sysfs-tree.ts';

const { values } = parseArgs({
  options: {
    base: { type: 'string', default: '512' },
    label: { type: 'string', default: 'pinctrl-bcm2711' },
    ngpio: { type: 'string', default: '58' },
    data: { type: 'string', default: '23' },
    clock: { type: 'string', default: '24' },
    folder: { type: 'string', multiple: true, default: [] },
  },
});
const { base, label, ngpio, data, clock, folder: folders } = values;

const decoder = new Apa102Decoder();
const chip = new EmulatedChip({ base: Number(base), label, lineCount: Number(ngpio) }, (offset) => {
  if (offset === Number(clock)) decoder.clockRose(chip.line(Number(data)).level === 1 ? 1 : 0);
});
for (const pair of folders) {
  const [place = '', folder = ''] = pair.split('=');
  mountFolder(place, folder);
}
const server = new FuseServer(mountGpioClass(), new SysfsTree(chip));
emitLine('ready');
const calls = serveLines({
  setLevel: (bcm = 0, level = 0) => chip.line(bcm).setOutside(level),
  pin: (bcm = 0) => chip.line(bcm).state,
  occupy: (bcm = 0) => {
    chip.line(bcm).isOccupied = true;
  },
  breakLine: (bcm = 0) => chip.line(bcm).breakDown(),
  repairLine: (bcm = 0) => {
    chip.line(bcm).isBroken = false;
  },
  frames: () => decoder.frames,
  takeBits: () => decoder.takeBits(),
});
// Until it is unmounted, or the test that started it ends.
await Promise.race([server.serve(), calls]);
process.exit(0);
