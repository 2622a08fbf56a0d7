// Bundles the agent, the command line and the store's worker thread into dist/. One file each starts faster and needs
// less memory than a thousand small ones; packages with native parts stay outside.
import { existsSync } from 'node:fs';
import { build } from 'esbuild';

const isQuiet = process.argv.includes('--quiet');

await build({
  entryPoints: Object.fromEntries(
    Object.entries({ cli: 'src/cli.ts', 'store-worker': 'src/store/worker.ts' }).filter(([, file]) =>
      existsSync(file),
    ),
  ),
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  sourcemap: 'linked',
  legalComments: 'none',
  external: ['onoff', '@photostructure/sqlite'],
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module';const require = __createRequire(import.meta.url);",
  },
  logLevel: isQuiet ? 'warning' : 'info',
});
