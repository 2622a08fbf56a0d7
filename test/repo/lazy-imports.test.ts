import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../support/repo.ts';

/** What is loaded before the first line of `file` runs: our files, and packages by their names. */
function loadedWith(file: string, loaded = new Set<string>()): Set<string> {
  if (loaded.has(file)) return loaded;
  loaded.add(file);
  for (const target of staticImports(file)) {
    if (target.startsWith('.')) loadedWith(normalize(join(dirname(file), target)), loaded);
    else loaded.add(target);
  }
  return loaded;
}

/** `import type …` is gone when the program runs, and `import(…)` waits until it is needed. */
function staticImports(file: string): string[] {
  if (!file.endsWith('.ts')) return [];
  const code = readFileSync(join(root, file), 'utf8');
  const found = code.matchAll(/^(?:import|export) (?!type\b)[^'";]*?from '([^']+)'|^import '([^']+)'/gm);
  return [...found].map((match) => match[1] ?? match[2] ?? '');
}

it('the agent loads only the broker, the pins and the clients that it is configured to use', () => {
  const loaded = loadedWith('src/main.ts');
  expect([...loaded]).toEqual(expect.arrayContaining(['src/main/compose.ts', 'fastify', 'prom-client']));
  const onlyWhenUsed = ['mqtt', 'aedes', 'mqtt-packet', 'onoff', 'undici'];
  expect(onlyWhenUsed.filter((name) => loaded.has(name))).toEqual([]);
});

it('a command of the command line loads nothing of the agent', () => {
  const loaded = loadedWith('src/cli.ts');
  expect([...loaded]).toEqual(expect.arrayContaining(['src/cli/run.ts', 'commander']));
  const agents = ['src/main.ts', 'fastify', 'prom-client', 'pino', 'ajv'];
  expect(agents.filter((name) => loaded.has(name))).toEqual([]);
});
