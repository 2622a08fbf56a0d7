import { access } from 'node:fs/promises';

/** Is there a file or folder of that path, that we can get at? */
export async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
