import { rename, stat, writeFile } from 'node:fs/promises';
import { BrambleError, messageOf } from '../support/errors.ts';

/** Gives a file that is there another text: whole, or not at all. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const draft = `${file}.${process.pid}.new`;
  try {
    await writeFile(draft, text, { mode: (await stat(file)).mode });
    await rename(draft, file);
  } catch (err) {
    throw new BrambleError('INVALID', `cannot write ${file}: ${messageOf(err)}`, { cause: err });
  }
}
