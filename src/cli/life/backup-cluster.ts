import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { backUp, type ProjectFile } from '../../../provision/backup/backup.ts';
import { stackName } from '../../../provision/phases/stack.ts';
import { projectFolder } from '../../../provision/project-folder.ts';
import { BrambleError, messageOf, systemCode } from '../../support/errors.ts';
import { isThere } from '../../support/is-there.ts';
import { type Reaching, realReaching } from '../cluster/reaching.ts';
import { type CliContext, print } from '../context.ts';
import { passwordsFile } from '../stack-passwords.ts';
import { findBackupPassword, type PasswordFlags } from './backup-password.ts';
import { withLife } from './with-life.ts';

export interface BackupFlags extends PasswordFlags {
  readonly output?: string;
}

/** `bramble backup`. */
export async function backUpCluster(
  flags: BackupFlags,
  context: CliContext,
  parts: Reaching = realReaching,
): Promise<void> {
  const { file, bytes } = await withLife({ flags, context, parts }, async (life) => {
    const now = new Date(parts.clock.nowMs());
    const file = flags.output ?? `${life.wanted.name}-${now.toISOString().slice(0, 10)}.bramble-backup`;
    await refuseTaken(file);
    const passphrase = await findBackupPassword(flags, { isNew: true }, context);
    const findFiles = (clusterId: string) => readProject(life.wanted.file, clusterId, context);
    return { file, bytes: await writeWhole(file, backUp(life, { passphrase, findFiles, now })) };
  });
  print(
    context,
    flags,
    { file, bytes },
    () =>
      `${file}: ${Math.ceil(bytes / 1e6)} MB. Without its password nobody can open it, nor can you: keep both, and not in one place\n`,
  );
}

async function refuseTaken(file: string): Promise<void> {
  if (await isThere(file))
    throw new BrambleError(
      'CONFLICT',
      `${file} is there already and stays as it is; choose another with --output`,
    );
}

/** Where `bramble restore` puts them; what is not there is left out. */
async function readProject(
  inventoryFile: string,
  clusterId: string,
  context: CliContext,
): Promise<ProjectFile[]> {
  const folder = projectFolder(inventoryFile);
  const names = await readdir(folder).catch(() => []);
  const sources = [
    { path: 'project/bramble.yaml', from: inventoryFile },
    ...names
      .filter((name) => name !== 'up.lock')
      .map((name) => ({ path: `project/.bramble/${name}`, from: join(folder, name) })),
    { path: 'passwords.yml', from: passwordsFile({ stackName, clusterId }, context) },
  ];
  const files = await Promise.all(
    sources.map(async ({ path, from }) => ({ path, content: await readIfFile(from) })),
  );
  return files.flatMap(({ path, content }) => (content === undefined ? [] : [{ path, content }]));
}

async function readIfFile(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (err) {
    if (['ENOENT', 'EISDIR'].includes(systemCode(err) ?? '')) return undefined;
    throw new BrambleError('INVALID', `cannot read ${file}: ${messageOf(err)}`, { cause: err });
  }
}

/** Under its name only when it is complete and on the disk. */
async function writeWhole(file: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const draft = `${file}.part`;
  const output = await open(draft, 'w', 0o600);
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      await output.writeFile(chunk);
      bytes += chunk.byteLength;
    }
    await output.sync();
    await output.close();
    await rename(draft, file);
    return bytes;
  } catch (err) {
    await output.close();
    await rm(draft, { force: true });
    throw err;
  }
}
