import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Log } from '../../support/log.ts';

/**
 * Reads "+ <group>" and "- <group>" until its input ends, which it does however the agent ends, and then kills the
 * groups that are left. A shell, because it needs 1 MB where Node.js needs 40.
 */
const script = `
trap '' INT TERM HUP
groups=' '
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -) case $groups in *" $group "*) groups="\${groups%% $group *} \${groups#* $group }" ;; esac ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
`;

/** Sees to it that no process of a function outlives the agent, even one that was killed with -9. */
export class Guardian {
  readonly #log: Log;
  readonly #groups = new Set<number>();
  #child: ChildProcess | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  start(): void {
    // Its own session: what a terminal or a supervisor sends to the agent's group must not reach it.
    const child = spawn('/bin/sh', ['-c', script], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      cwd: '/',
      env: {},
    });
    child.on('error', (err) => this.#log.error({ err }, 'guardian of child processes cannot be started'));
    child.on('exit', () => this.#replace(child));
    child.stdin.on('error', () => {}); // it died; `exit` is on its way
    this.#child = child;
    for (const group of this.#groups) child.stdin.write(`+ ${group}\n`);
  }

  watch(group: number): void {
    this.#groups.add(group);
    this.#child?.stdin?.write(`+ ${group}\n`);
  }

  release(group: number): void {
    this.#groups.delete(group);
    this.#child?.stdin?.write(`- ${group}\n`);
  }

  /** Kills what is left. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.pid === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.stdin?.end();
    await exited;
  }

  #replace(child: ChildProcess): void {
    if (this.#child !== child) return;
    this.#log.warn({ pid: child.pid }, 'guardian of child processes died, starting another');
    this.start();
  }
}
