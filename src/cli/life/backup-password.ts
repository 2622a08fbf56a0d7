import { readBackupPassword } from '../../../provision/secrets.ts';
import type { CliContext } from '../context.ts';
import { askHidden } from '../input.ts';
import type { LifeFlags } from './with-life.ts';

export interface PasswordFlags extends LifeFlags {
  readonly passwordFile?: string;
}

export function findBackupPassword(
  { passwordFile: file, json }: PasswordFlags,
  { isNew }: { readonly isNew: boolean },
  context: CliContext,
): Promise<string> {
  const mayAsk = context.stdin.isTTY === true && !json;
  const ask = mayAsk ? (question: string) => askHidden(question, context) : undefined;
  return readBackupPassword({ file, isNew }, { env: context.env, ask });
}
