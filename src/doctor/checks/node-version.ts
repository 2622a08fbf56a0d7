import { type Check, fail, ok } from '../finding.ts';

/** Oldest Node.js that the agent is made for; `engines` in package.json says the same. */
export const oldestNode = '20.19.0';

export function checkNodeVersion(version: string): Check {
  return {
    name: 'Node.js',
    async run() {
      if (compareVersions(version, oldestNode) >= 0) return [ok(version)];
      return [fail(`${version} is too old`, `install Node.js ${oldestNode} or newer`)];
    },
  };
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.replace(/^v/, '').split('.').map(Number));
  for (const [i, part] of (left ?? []).entries()) {
    const difference = part - (right?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
