export type Undo = (() => Promise<unknown>)[];

/**
 * Opens something of many parts. Each part that is there adds to `undo` what ends it: in the end, or when a later part fails, all
 * of them are ended, the last one first.
 */
export async function openParts<T>(open: (undo: Undo, stop: () => Promise<void>) => Promise<T>): Promise<T> {
  const undo: Undo = [];
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    return await open(undo, stop);
  } catch (err) {
    await stop();
    throw err;
  }
}
