import { defaultCacheFolder } from '../../../provision/image/download/cached-file.ts';
import type { ImageOptions } from '../../../provision/image/open-image.ts';
import type { ImageChoice, Inventory } from '../../../provision/inventory.ts';
import { BrambleError } from '../../support/errors.ts';
import type { CliContext, JsonOption } from '../context.ts';

export interface FlashFlags extends JsonOption {
  readonly config: string;
  readonly to?: string;
  readonly disk: readonly string[];
  readonly image?: string;
  readonly maxSize?: number;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly list?: boolean;
}

/** The image that the flag names, else that of the inventory. */
export function imageOptions(
  { image, file }: Inventory,
  flags: Pick<FlashFlags, 'image'>,
  { env, home, signal }: Pick<CliContext, 'env' | 'home' | 'signal'>,
): ImageOptions {
  const chosen: Partial<ImageChoice> = flags.image === undefined ? (image ?? {}) : { source: flags.image };
  const { source, sha256, extractedSha256 } = chosen;
  if (source === undefined)
    throw new BrambleError('CONFIG_INVALID', `${file} names no image; give cluster.image, or --image`);
  return { source, sha256, extractedSha256, cacheFolder: defaultCacheFolder(env, home), signal };
}
