/** Text as one word of a POSIX shell, whatever is in it (POSIX.1-2017, Shell Command Language, 2.2.2). */
export function quote(text: string): string {
  if (text.includes('\0')) throw new TypeError('an argument cannot hold a null character');
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
