import type { EmulatedChip, EmulatedLine } from './chip.ts';
import type { Entry, OpenFile, Tree } from './file-tree.ts';
import { KernelError } from './kernel-error.ts';

/** What `/sys/class/gpio` looks like with one chip. */
export class SysfsTree implements Tree {
  readonly #chip: EmulatedChip;
  readonly #chipFolder: string;

  constructor(chip: EmulatedChip) {
    this.#chip = chip;
    this.#chipFolder = `gpiochip${chip.base}`;
  }

  find(path: string): Entry | undefined {
    const [folder = '', file, deeper] = path.split('/');
    if (deeper !== undefined) return undefined;
    if (folder === '') return this.#rootFolder();
    if (file === undefined && (folder === 'export' || folder === 'unexport')) return this.#command(folder);
    if (folder === this.#chipFolder) return pick(this.#chipFiles(), file);
    const line = this.#exportedLine(folder);
    return line === undefined ? undefined : pick(lineFiles(line), file);
  }

  #rootFolder(): Entry {
    const exported = this.#chip.lines.flatMap(({ isExported }, offset) =>
      isExported ? [`gpio${this.#chip.base + offset}`] : [],
    );
    return { names: ['export', 'unexport', this.#chipFolder, ...exported] };
  }

  #command(name: 'export' | 'unexport'): Entry {
    return { mode: 0o200, open: () => ({ ...refusing, write: (text) => this.#chip.numbered(text)[name]() }) };
  }

  #chipFiles(): Record<string, Entry> {
    const { base, label, lines } = this.#chip;
    return { base: readOnly(base), label: readOnly(label), ngpio: readOnly(lines.length) };
  }

  #exportedLine(folder: string): EmulatedLine | undefined {
    const number = /^gpio(\d+)$/.exec(folder)?.[1];
    const line = number === undefined ? undefined : this.#chip.lines[Number(number) - this.#chip.base];
    return line?.isExported ? line : undefined;
  }
}

function pick(files: Record<string, Entry>, file: string | undefined): Entry | undefined {
  return file === undefined ? { names: Object.keys(files) } : files[file];
}

const refusing: OpenFile = {
  read: () => {
    throw new KernelError('EIO');
  },
  write: () => {
    throw new KernelError('EIO');
  },
};

function readOnly(value: string | number): Entry {
  return { mode: 0o444, open: () => ({ ...refusing, read: () => String(value) }) };
}

function lineFiles(line: EmulatedLine): Record<string, Entry> {
  const setting = (read: () => string | number, write: (text: string) => void): Entry => ({
    mode: 0o644,
    open: () => ({ read: () => String(read()), write }),
  });
  return {
    value: { mode: 0o644, open: () => openValue(line) },
    direction: setting(
      () => line.direction,
      (text) => line.writeDirection(text),
    ),
    edge: setting(
      () => line.edge,
      (text) => line.writeEdge(text),
    ),
    active_low: setting(
      () => line.activeLow,
      (text) => line.writeActiveLow(text),
    ),
  };
}

/** Each opened file remembers how many interrupts it has seen: that is what the kernel's poll goes by. */
function openValue(line: EmulatedLine): OpenFile {
  let seen = line.interrupts;
  return {
    read: () => {
      seen = line.interrupts;
      return String(line.readValue());
    },
    write: (text) => line.writeValue(text),
    poll: { isPending: () => seen !== line.interrupts, onPending: (wake) => line.onInterrupt(wake) },
  };
}
