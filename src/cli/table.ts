/** Aligned columns below their titles, two spaces apart. Without rows, `whenEmpty` alone. */
export function renderTable(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  whenEmpty: string,
): string {
  if (rows.length === 0) return `${whenEmpty}\n`;
  return alignColumns([titles, ...rows]);
}

/** `name  value` lines, the values aligned; entries without a value are left out. */
export function renderFacts(facts: readonly (readonly [name: string, value: string])[]): string {
  return alignColumns(facts.filter(([, value]) => value !== ''));
}

function alignColumns(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => widthOf(row[column] ?? ''))),
  );
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, i) => padTo(cell, widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function padTo(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - widthOf(cell)));
}

/** In characters as people count them, so that `°` and emoji do not shift a column. */
function widthOf(cell: string): number {
  return [...cell].length;
}

/** Values come from devices and functions: a control character must not move the cursor of whoever reads the table. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}

/** `3 s`, `12 min`, `5 h`, `2 d`: how long ago, in one unit. */
export function renderAge(ageMs: number): string {
  const seconds = Math.max(0, Math.round(ageMs / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
