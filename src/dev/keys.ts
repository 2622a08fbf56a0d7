import type { ReadStream } from 'node:tty';

export type KeyActions = Readonly<Record<string, () => unknown>>;

/**
 * Calls the action of each key pressed, without waiting for Enter. Ctrl-C and `q` call `quit`. Returns the function that
 * gives the terminal back as it was. Does nothing where standard input is not a terminal.
 */
export function listenForKeys(
  stdin: Pick<ReadStream, 'isTTY' | 'setRawMode' | 'on' | 'off' | 'resume' | 'pause'>,
  actions: KeyActions,
  quit: () => void,
): () => void {
  if (!stdin.isTTY) return () => {};
  const onData = (data: Buffer) => {
    for (const key of data.toString()) {
      if (key === '\x03' || key === 'q') quit();
      else actions[key]?.();
    }
  };
  stdin.setRawMode(true);
  stdin.on('data', onData);
  stdin.resume();
  return () => {
    stdin.off('data', onData);
    stdin.setRawMode(false);
    stdin.pause();
  };
}
