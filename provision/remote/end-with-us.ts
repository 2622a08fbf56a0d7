import type { ChildProcess } from 'node:child_process';

const children = new Set<ChildProcess>();

/** A process in a group of its own, which no Ctrl-C reaches: it is ended when this one exits before it. */
export function endWithUs(child: ChildProcess): void {
  if (children.size === 0) process.on('exit', endAll);
  children.add(child);
  child.once('close', () => {
    children.delete(child);
    if (children.size === 0) process.off('exit', endAll);
  });
}

function endAll(): void {
  for (const child of children) child.kill();
}
