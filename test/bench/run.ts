// npm run bench [-- NAME…] [--write]: measures, prints tables, and with --write puts them into docs/BENCHMARKS.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../support/repo.ts';
import { busBench } from './bus-bench.ts';
import { catalogueBench } from './catalogue-bench.ts';
import { flashBench } from './flash-bench.ts';
import { functionsBench } from './functions-bench.ts';
import { gatewayBench } from './gateway-bench.ts';
import { describeMachine } from './machine.ts';
import { type Bench, meets, type Row, renderRows } from './rows.ts';
import { scaleBench } from './scale-bench.ts';
import { serveBench } from './serve-bench.ts';
import { storeBench } from './store-bench.ts';
import { systemBenches } from './system-bench.ts';
import { upBench } from './up-bench.ts';

const benches: readonly Bench[] = [
  ...systemBenches,
  storeBench,
  busBench,
  functionsBench,
  gatewayBench,
  scaleBench,
  flashBench,
  serveBench,
  catalogueBench,
  upBench,
];
const document = join(root, 'docs/BENCHMARKS.md');

const args = process.argv.slice(2);
const isToWrite = args.includes('--write');
const chosen = choose(args.filter((arg) => arg !== '--write'));
const machine = describeMachine();
const missed: Row[] = [];
console.log(machine);
for (const bench of chosen) {
  console.log(`\n## ${bench.title} (${bench.name})\n`);
  const rows = await bench.measure();
  missed.push(...rows.filter((row) => !meets(row)));
  console.log(renderRows(rows));
  if (isToWrite) write(bench, rows);
}
if (missed.length > 0) console.log(`\nMissed: ${missed.map(({ what }) => what).join(' · ')}`);
// What a bench could not stop must not keep the command running.
process.exit(missed.length > 0 ? 1 : 0);

/** All, or those whose names begin with what was asked for. */
function choose(names: readonly string[]): readonly Bench[] {
  if (names.length === 0) return benches;
  const known = benches.map(({ name }) => name);
  const unknown = names.filter((name) => !known.some((one) => one.startsWith(name)));
  if (unknown.length === 0) return benches.filter(({ name }) => names.some((one) => name.startsWith(one)));
  console.error(`no bench ${unknown.join(', ')}; there are ${known.join(', ')}`);
  process.exit(2);
}

/** Replaces the bench's own part of the document; the text around it is written by hand. */
function write({ name, title, method }: Bench, rows: readonly Row[]): void {
  const text = readFileSync(document, 'utf8');
  const start = `<!-- ${name} -->`;
  const end = `<!-- /${name} -->`;
  if (!text.includes(start) || !text.includes(end))
    throw new Error(
      `docs/BENCHMARKS.md has no place for ${name}: write ${start} and ${end} where it belongs`,
    );
  const part = [
    start,
    `## ${title}`,
    '',
    method,
    '',
    `\`npm run bench -- ${name}\`, ${machine}`,
    '',
    renderRows(rows),
    '',
    end,
  ].join('\n');
  const before = text.slice(0, text.indexOf(start));
  const after = text.slice(text.indexOf(end) + end.length);
  writeFileSync(document, before + part + after);
}
