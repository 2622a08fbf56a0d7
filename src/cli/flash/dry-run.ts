import { type Places, type Placing, placeNodes } from '../../../provision/flash/place-nodes.ts';
import { previewNode } from '../../../provision/flash/preview.ts';
import { readBoot } from '../../../provision/flash/read-boot.ts';
import { renderPreview } from '../../../provision/flash/render-preview.ts';
import { openImage } from '../../../provision/image/open-image.ts';
import type { Inventory, InventoryNode } from '../../../provision/inventory.ts';
import { type CliContext, print } from '../context.ts';
import { type FlashFlags, imageOptions } from './flags.ts';

/** `bramble flash --dry-run`: reads the image, and tells what would be written and where to. Needs no secret and no disk. */
export async function dryRun(
  inventory: Inventory,
  placing: Placing,
  { flags, context }: { readonly flags: FlashFlags; readonly context: CliContext },
): Promise<void> {
  const places = nodesOf(placeNodes(inventory, placing));
  context.holdExit();
  const image = await openImage(imageOptions(inventory, flags, context));
  const previews = await readBoot(
    image,
    (boot) => places.map(({ node, to }) => ({ to, ...previewNode(inventory, node, boot) })),
    context.signal,
  );
  const { name, sizeBytes, remarks } = image;
  const plan = {
    image: { name, sizeBytes, remarks },
    nodes: previews.map(({ files, ...rest }) => ({
      ...rest,
      files: files.map(({ before, ...file }) => file),
    })),
  };
  print(context, { json: flags.json ?? false }, plan, () => {
    const head = [`Nothing is written. The image: ${name}`, ...remarks].map((line) => `${line}\n`);
    const nodes = previews.map(
      (preview) =>
        `\n${preview.node} → ${preview.to ?? 'a card'}, ${preview.firstBoot}\n${renderPreview(preview)}`,
    );
    return [...head, ...nodes].join('');
  });
}

function nodesOf(places: Places): { readonly node: InventoryNode; readonly to: string | undefined }[] {
  return places.kind === 'apart'
    ? places.places.map(({ node, path }) => ({ node, to: path }))
    : places.nodes.map((node) => ({ node, to: places.path }));
}
