/** One word for a POSIX shell, whatever is in it (POSIX.1-2017, Shell Command Language, 2.2.2). */
export function quote(word: string): string {
  if (word.includes('\0')) throw new TypeError('an argument cannot hold a null character');
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
