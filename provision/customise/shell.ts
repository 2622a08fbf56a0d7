/** Text as one word of a POSIX shell, whatever it contains but NUL. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
