/**
 * Aborts on the first SIGTERM or SIGINT; a second one ends the process at once with the shell's exit status for it.
 * Returns the function that takes the handlers away again.
 */
export function onTermination(abort: (signalName: NodeJS.Signals) => void): () => void {
  let isSecond = false;
  const handle = (signalName: NodeJS.Signals) => {
    if (isSecond) process.exit(signalName === 'SIGINT' ? 130 : 143);
    isSecond = true;
    abort(signalName);
  };
  process.on('SIGTERM', handle);
  process.on('SIGINT', handle);
  return () => {
    process.off('SIGTERM', handle);
    process.off('SIGINT', handle);
  };
}
