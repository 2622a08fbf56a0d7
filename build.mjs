// Bundles the command line with the agent, and the store's worker thread, into dist/. A few large files start faster and
// need less memory than a thousand small ones; packages with native parts stay outside, and are copied to the folder
// that `--natives` names.
import { copyFileSync, readdirSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { build } from 'esbuild';
import { copyNatives, natives } from './natives.mjs';

const outdir = 'dist';

/** Docker's client can do more than we ask of it: over SSH, and with BuildKit. We talk to the Engine's socket only. */
const withoutUnusedClients = {
  name: 'without unused clients',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(ssh2|@grpc\/grpc-js|@grpc\/proto-loader)$/ }, ({ path }) => ({
      path,
      namespace: 'unused',
    }));
    onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: 'module.exports = {};' }));
  },
};

const { metafile } = await build({
  entryPoints: { cli: 'src/cli.ts', 'store-worker': 'src/store/worker.ts' },
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  minifyWhitespace: true, // V8 keeps the text in memory; names stay, for stack traces
  sourcemap: 'linked',
  legalComments: 'none',
  metafile: true,
  external: natives,
  plugins: [withoutUnusedClients],
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
  },
  logLevel: process.argv.includes('--quiet') ? 'error' : 'info',
});

// The file system of boot partitions is compiled code, which its package reads from beside itself.
const fatfs = 'fatfs.wasm';
copyFileSync(`node_modules/js-fatfs/dist/${fatfs}`, `${outdir}/${fatfs}`);

// Chunks of earlier builds have other names and would pile up.
const fresh = new Set([fatfs, ...Object.keys(metafile.outputs).map((file) => basename(file))]);
for (const name of readdirSync(outdir)) if (!fresh.has(name)) rmSync(`${outdir}/${name}`);

const nativesAt = process.argv.indexOf('--natives');
if (nativesAt !== -1) copyNatives(process.argv[nativesAt + 1]);
