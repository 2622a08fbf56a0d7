import { createReadStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ProjectFile } from '../../../provision/backup/backup.ts';
import { examineBackup, restore } from '../../../provision/backup/restore.ts';
import { stackName } from '../../../provision/phases/stack.ts';
import { projectFolder } from '../../../provision/project-folder.ts';
import { BrambleError, messageOf, systemCode } from '../../support/errors.ts';
import { type Reaching, realReaching } from '../cluster/reaching.ts';
import { type CliContext, print } from '../context.ts';
import { passwordsFile } from '../stack-passwords.ts';
import { findBackupPassword, type PasswordFlags } from './backup-password.ts';
import { withLife } from './with-life.ts';

export interface RestoreFlags extends PasswordFlags {}

/** `bramble restore`. What the project has already stays as it is. */
export async function restoreCluster(
  file: string,
  flags: RestoreFlags,
  context: CliContext,
  parts: Reaching = realReaching,
): Promise<void> {
  const passphrase = await findBackupPassword(flags, { isNew: false }, context);
  const open = () => openBackup(file);
  const { manifest, files } = await examineBackup(open(), passphrase);
  const written: string[] = [];
  for (const one of files) {
    const place = placeOf(one, { config: flags.config, clusterId: manifest.clusterId, context });
    if (place !== undefined && (await writeNew(place, one.content))) written.push(place);
  }
  await withLife({ flags, context, parts }, (life) => restore(life, { open, passphrase, manifest }));
  const { cluster, createdAt } = manifest;
  const next = ['bramble up'];
  print(context, flags, { cluster, createdAt, files: written, next }, () => {
    const restored = written.length === 0 ? '' : ` Written as well: ${written.join(', ')}.`;
    return `The cluster ${cluster} is as it was at ${createdAt}, on one manager.${restored} Next:\n  bramble up\n`;
  });
}

async function* openBackup(file: string): AsyncIterable<Uint8Array> {
  try {
    for await (const chunk of createReadStream(file)) yield chunk;
  } catch (err) {
    if (systemCode(err) === undefined) throw err;
    throw new BrambleError('INVALID', `cannot read ${file}: ${messageOf(err)}`, { cause: err });
  }
}

/** Only where we put such files ourselves, whatever a backup says. */
function placeOf(
  { path }: ProjectFile,
  {
    config,
    clusterId,
    context,
  }: { readonly config: string; readonly clusterId: string; readonly context: CliContext },
): string | undefined {
  if (path === 'project/bramble.yaml') return config;
  if (path === 'passwords.yml') return passwordsFile({ stackName, clusterId }, context);
  const name = basename(path);
  return path === `project/.bramble/${name}` && !name.startsWith('..')
    ? join(projectFolder(config), name)
    : undefined;
}

/** False where there is one. */
async function writeNew(file: string, content: Uint8Array): Promise<boolean> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, content, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (err) {
    if (systemCode(err) === 'EEXIST') return false;
    throw new BrambleError('INVALID', `cannot write ${file}: ${messageOf(err)}`, { cause: err });
  }
}
