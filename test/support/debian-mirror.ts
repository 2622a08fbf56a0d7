import { execFileSync } from 'node:child_process';

/** Where this machine's own packages come from: `http://mirror.example.org/debian/`. */
export function debianMirror(): string {
  const format = ['--format', '$(REPO_URI)', 'Created-By: Packages', 'Origin: Debian', 'Label: Debian'];
  const [mirror] = execFileSync('apt-get', ['indextargets', ...format], { encoding: 'utf8' }).split('\n');
  if (!mirror) throw new Error('apt knows no mirror of Debian; has apt-get update run?');
  return mirror;
}
