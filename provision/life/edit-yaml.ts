import { isMap, isScalar, isSeq, parseDocument, stringify } from 'yaml';

/** Changes of a YAML text that leave every other line as it is. What is written in one line with brackets is written anew. */

/** Adds to the list at `path`, which is there. */
export function appendToList(text: string, path: readonly string[], entries: readonly object[]): string {
  const document = parseDocument(text);
  const list = document.getIn(path, true);
  if (isSeq(list) && !list.flow && list.range && list.items.length > 0) {
    const column = columnOf(text, list.range[0]);
    return insertLines(
      text,
      endOfBlock(text, lastContent(text, list.range[1]), column),
      stringify(entries),
      column,
    );
  }
  for (const entry of entries) document.addIn(path, document.createNode(entry));
  return document.toString(unbroken);
}

/** Sets a text below a section of the top that is there: `cluster.agent.image`. */
export function setText(
  text: string,
  [section, ...rest]: readonly [string, ...string[]],
  value: string,
): string {
  const document = parseDocument(text);
  const present = document.getIn([section, ...rest], true);
  if (isScalar(present) && present.range) {
    const [start, end] = present.range;
    return text.slice(0, start) + JSON.stringify(value) + text.slice(end);
  }
  const outer = document.get(section, true);
  const [first] = rest;
  if (isMap(outer) && !outer.flow && outer.range && first !== undefined && !outer.has(first)) {
    const tree = rest.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
    const column = columnOf(text, outer.range[0]);
    return insertLines(
      text,
      endOfLine(text, text.search(new RegExp(`^${section}:`, 'm'))),
      stringify(tree),
      column,
    );
  }
  document.setIn([section, ...rest], value);
  return document.toString(unbroken);
}

const unbroken = { lineWidth: 0 } as const;

function insertLines(text: string, at: number, lines: string, column: number): string {
  const indented = lines.replace(/^(?=.)/gm, ' '.repeat(column));
  const before = text.slice(0, at);
  return `${before}${before.endsWith('\n') ? '' : '\n'}${indented}${text.slice(at)}`;
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf('\n', offset - 1) + 1);
}

/** Where the next line begins. */
function endOfLine(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end === -1 ? text.length : end + 1;
}

/** Before the comments and empty lines that end a block. */
function lastContent(text: string, end: number): number {
  return text.slice(0, end).replace(/(\n[ \t]*(#[^\n]*)?)+$/, '').length;
}

/** With the comments that are further in than the block: they belong to its last entry. */
function endOfBlock(text: string, offset: number, column: number): number {
  let end = endOfLine(text, offset);
  for (;;) {
    const line = text.slice(end, endOfLine(text, end));
    if (!new RegExp(`^ {${column + 1},}#`).test(line)) return end;
    end += line.length;
  }
}
