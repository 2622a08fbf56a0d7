/** One figure of a bench, with what it is to be judged by. */
export interface Row {
  readonly what: string;
  readonly ours: number;
  readonly unit: Unit;
  /** More of the same measurement, for people: `p99 6.1 ms`. */
  readonly also?: string;
  readonly reference?: Reference;
  readonly target?: Target;
}

export type Unit = 's' | 'ms' | 'µs' | 'MB' | 'MB/s' | '/s';

/** The same done without us, measured in the same run: as fast, or as small, as it can be here. */
export interface Reference {
  readonly what: string;
  readonly value: number;
}

export type Target =
  | { readonly below: number }
  | { readonly atLeast: number }
  /** Of the reference. */
  | { readonly ratioAtLeast: number }
  | { readonly ratioBelow: number };

/** A part of `npm run bench`, by name. */
export interface Bench {
  readonly name: string;
  readonly title: string;
  /** What was done, so that the figures can be understood. */
  readonly method: string;
  /** Rejects when a tool that it needs is missing. */
  measure(): Promise<readonly Row[]>;
}

/** A Markdown table that can also be read in a terminal: columns that no row fills are left out. */
export function renderRows(rows: readonly Row[]): string {
  const columns = allColumns.filter(({ cell }) => rows.some((row) => cell(row) !== ''));
  const table = [
    columns.map(({ head }) => head),
    columns.map(() => ''),
    ...rows.map((row) => columns.map(({ cell }) => cell(row))),
  ];
  const widths = columns.map((_, i) => Math.max(3, ...table.map((cells) => cells[i]?.length ?? 0)));
  const lines = table.map((cells, line) =>
    cells.map((cell, i) => cell.padEnd(widths[i] ?? 0, line === 1 ? '-' : ' ')).join(' | '),
  );
  return lines.map((line) => `| ${line} |`).join('\n');
}

export function meets({ ours, reference, target }: Row): boolean {
  if (target === undefined) return true;
  const ratio = ours / (reference?.value ?? Number.NaN);
  if ('ratioAtLeast' in target) return ratio >= target.ratioAtLeast;
  if ('ratioBelow' in target) return ratio < target.ratioBelow;
  return 'below' in target ? ours < target.below : ours >= target.atLeast;
}

const allColumns: readonly { readonly head: string; cell(row: Row): string }[] = [
  { head: 'what', cell: ({ what }) => what },
  { head: 'Bramble', cell: ({ ours, unit }) => show(ours, unit) },
  { head: 'also', cell: ({ also = '' }) => also },
  { head: 'compared with', cell: ({ reference }) => reference?.what ?? '' },
  { head: 'that', cell: ({ reference, unit }) => (reference ? show(reference.value, unit) : '') },
  { head: 'ratio', cell: ({ ours, reference }) => (reference ? figure(ours / reference.value) : '') },
  { head: 'target', cell: showTarget },
];

function showTarget(row: Row): string {
  const { target, unit } = row;
  if (target === undefined) return '';
  return `${boundOf(target, unit)}: ${meets(row) ? 'met' : '**missed**'}`;
}

function boundOf(target: Target, unit: Unit): string {
  if ('below' in target) return `< ${show(target.below, unit)}`;
  if ('atLeast' in target) return `≥ ${show(target.atLeast, unit)}`;
  return 'ratioAtLeast' in target ? `ratio ≥ ${target.ratioAtLeast}` : `ratio < ${target.ratioBelow}`;
}

export function show(value: number, unit: Unit): string {
  return `${figure(value)}${unit === '/s' ? '' : ' '}${unit}`;
}

/** Three digits that count; more would be noise. Thousands are set apart. */
function figure(value: number): string {
  if (value < 1000) return String(Number(value.toPrecision(3)));
  const rounded = Number(value.toPrecision(3));
  return String(rounded).replace(/\B(?=(\d{3})+$)/g, ' ');
}
