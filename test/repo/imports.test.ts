import { readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root, sourceFiles } from '../support/repo.ts';

/** Folder → what it may import, as STYLE has it; a file belongs to the longest folder that it is in. */
const mayImport: Record<string, readonly string[]> = {
  'src/support': [],
  'src/lifecycle': ['src/support'],
  'src/config': ['src/support'],
  'src/events': ['src/support'],
  hardware: ['src/support'],
  'src/store': ['src/events', 'src/lifecycle', 'src/support'],
  'src/bus': ['src/store', 'src/events', 'src/lifecycle', 'src/support'],
  'src/sensing': ['hardware', 'src/events', 'src/bus', 'src/lifecycle', 'src/support'],
  'src/gauge': ['hardware', 'src/events', 'src/bus', 'src/lifecycle', 'src/support'],
  'src/discovery': ['src/events', 'src/bus', 'src/lifecycle', 'src/support'],
  'src/functions': ['src/store', 'src/events', 'src/bus', 'src/lifecycle', 'src/support'],
  'src/triggers': ['src/functions', 'src/store', 'src/events', 'src/bus', 'src/lifecycle', 'src/support'],
  'src/control': ['src/functions', 'src/store', 'src/events', 'src/bus', 'src/lifecycle', 'src/support'],
  'src/images': ['src/functions', 'src/support'],
  provision: ['src/config', 'src/functions', 'src/support'],
  'src/gateway': ['src/functions', 'src/store', 'src/events', 'src/bus', 'src/lifecycle', 'src/support'],
};

/** Each I/O package and the one place that may import it. */
const soleImporters: Record<string, RegExp> = {
  mqtt: /^src\/bus\//,
  dockerode: /^src\/functions\/swarm\/engine\.ts$/,
  aedes: /^src\/bus\/bus\.aedes\.ts$/,
  onoff: /^hardware\/gpio\.sysfs\.ts$/,
  'node-cron': /^src\/triggers\/schedule\/scheduler\.cron\.ts$/,
  croner: /^src\/triggers\/schedule\//,
  fastify: /^src\/gateway\//,
  '@photostructure/sqlite': /^src\/store\//,
  'prom-client': /^src\/support\/metrics\.ts$/,
  pino: /^src\/support\/log\.ts$/,
  commander: /^src\/cli/,
  'age-encryption': /^provision\/backup\/age\.ts$/,
  'js-fatfs': /^provision\/boot\/boot-partition\.fat\.ts$/,
  'xz-decompress': /^provision\/image\/packing\/xz\.ts$/,
  yauzl: /^provision\/image\/packing\/zip\.ts$/,
  fzstd: /^provision\/image\/packing\/zstd\.ts$/,
};

/** The provisioner's own roots: what brings its ports and adapters together for one command. */
const provisionRoot = /^provision\/(disk\/target|flash\/(flash-batch|read-boot)|up\/connect)\.ts$/;

/** Comments may speak of imports. */
function codeOf(file: string): string {
  return readFileSync(join(root, file), 'utf8').replace(/^\s*(\/\/|\/?\*).*$/gm, '');
}

interface Import {
  readonly file: string;
  readonly target: string;
}

const files = sourceFiles(['src', 'hardware', 'provision']);
const imports: Import[] = files.flatMap((file) =>
  [
    ...codeOf(file).matchAll(
      /(?:^|\n)\s*(?:import|export)\b[^'";]*?from '([^']+)'|import\('([^']+)'\)|(?:^|\n)import '([^']+)'/g,
    ),
  ].map((match) => ({ file, target: match[1] ?? match[2] ?? match[3] ?? '' })),
);
const ours = imports
  .filter(({ target }) => target.startsWith('.'))
  .map(({ file, target }) => ({ file, target: normalize(join(dirname(file), target)) }));

function folderOf(file: string): string | undefined {
  return Object.keys(mayImport).find((folder) => file.startsWith(`${folder}/`));
}

describe('imports', () => {
  it('are found', () => {
    expect(imports.length).toBeGreaterThan(300);
  });

  it('go only where the layout allows', () => {
    const wrong = ours.filter(({ file, target }) => {
      const from = folderOf(file);
      const to = folderOf(target);
      if (from === undefined || from === to) return false;
      return to === undefined || !(mayImport[from] ?? []).includes(to);
    });
    expect(wrong).toEqual([]);
  });

  it('name adapters only in the composition roots', () => {
    const adapter =
      /\.(mqtt|aedes|memory|sysfs|sim|blinkt|terminal|cron|manual|process|local|system|sqlite|cgroup|ssh|fat|block|file)\.ts$/;
    const wrong = ours.filter(({ file, target }) => {
      const isRoot = /^src\/(main|cli|dev|doctor|agent)\b/.test(file) || provisionRoot.test(file);
      return adapter.test(target) && !isRoot && !adapter.test(file) && !target.endsWith('clock.system.ts');
    });
    expect(wrong).toEqual([]);
  });

  it('take each I/O package in one place', () => {
    const wrong = imports.filter(({ file, target }) => {
      const importer =
        soleImporters[
          target
            .split('/')
            .slice(0, target.startsWith('@') ? 2 : 1)
            .join('/')
        ];
      return importer !== undefined && !importer.test(file);
    });
    expect(wrong).toEqual([]);
  });

  it('make no cycles', () => {
    const edges = new Map<string, string[]>();
    for (const { file, target } of ours) edges.set(file, [...(edges.get(file) ?? []), target]);
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const visit = (file: string, path: string[]) => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') {
        cycles.push([...path.slice(path.indexOf(file)), file].join(' → '));
        return;
      }
      state.set(file, 'open');
      for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
      state.set(file, 'done');
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it('read the environment only at the roots', () => {
    const readers = files.filter((file) => readFileSync(join(root, file), 'utf8').includes('process.env'));
    expect(readers.filter((file) => !/^src\/(main|cli)\.ts$/.test(relative(root, join(root, file))))).toEqual(
      [],
    );
  });
});
