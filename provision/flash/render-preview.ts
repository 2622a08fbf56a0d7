import type { Preview, PreviewFile } from './preview.ts';

/** For people: each file with what it will hold; of one that is changed only the changes, of a secret one only its length. */
export function renderPreview({ files }: Pick<Preview, 'files'>): string {
  return files.map(renderFile).join('');
}

function renderFile(file: PreviewFile): string {
  const { path, bytes, purpose, isSecret } = file;
  const title = `  ${path}, ${bytes} bytes${isSecret ? ', secret' : ''}: ${purpose}\n`;
  return (
    title +
    linesOf(file)
      .map((line) => `    ${line}\n`)
      .join('')
  );
}

function linesOf({ path, content, before }: PreviewFile): string[] {
  if (content === undefined) return [];
  // One long line, of parameters.
  if (path === 'cmdline.txt') return changes(words(before), words(content));
  if (path === 'config.txt') return changes(lines(before), lines(content));
  return lines(content);
}

function words(text = ''): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

function lines(text = ''): string[] {
  return text.replace(/\r?\n$/, '').split(/\r?\n/);
}

/** `- gone` and `+ new`; what only has another place is not told. */
function changes(before: readonly string[], after: readonly string[]): string[] {
  const gone = without(before, after).filter((line) => line !== '');
  const fresh = without(after, before).filter((line) => line !== '');
  if (gone.length + fresh.length === 0) return ['as it is'];
  return [...gone.map((line) => `- ${line}`), ...fresh.map((line) => `+ ${line}`)];
}

/** The entries of `from` that `others` has not, each as often as it is there more. */
function without(from: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return from.filter((entry) => {
    const at = left.indexOf(entry);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}
