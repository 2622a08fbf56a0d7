import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import pkg from '../../package.json' with { type: 'json' };
import { createPaint } from '../../src/cli/paint.ts';
import { createProgram } from '../../src/cli/program.ts';
import { FileSchema } from '../../src/config/file-schema.ts';
import { loadConfig } from '../../src/config/load.ts';
import { renderWelcome } from '../../src/dev/screen.ts';
import { topics } from '../../src/events/topics.ts';
import { findProblems } from '../../src/support/schema.ts';
import { fakeContext } from '../support/cli-context.ts';
import { root } from '../support/repo.ts';

const read = (file: string) => readFileSync(join(root, file), 'utf8');
const below = (folder: string) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'functions/README.md',
  ...below('docs').filter((file) => file.endsWith('.md')),
  ...below('docs/adr'),
];
const texts = documents.map((file) => ({ file, text: read(file) }));

/** `guard: bramble nope` for each match that is not fine. */
function wrong(pattern: RegExp, isFine: (match: RegExpMatchArray) => boolean): string[] {
  return texts.flatMap(({ file, text }) =>
    [...text.matchAll(pattern)].filter((match) => !isFine(match)).map((match) => `${file}: ${match[0]}`),
  );
}

describe('the documents', () => {
  it('name only commands that there are', () => {
    const { context } = fakeContext();
    const program = createProgram({ ...context, setExit: () => {} });
    const find = (command: Command, word: string | undefined) =>
      command.commands.find((one) => one.name() === word || one.aliases().includes(word ?? ''));
    const isKnown = ([, name, sub]: RegExpMatchArray) => {
      const command = find(program, name);
      return command !== undefined && (command.commands.length === 0 || find(command, sub) !== undefined);
    };
    // Where a command is written: in code, at the beginning of it or of a line.
    const written = /(?:`|^\s*(?:\$ )?)(?:npx )?bramble ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?/gm;
    expect(wrong(written, isKnown)).toEqual([]);
  });

  it('name only npm scripts that there are', () => {
    const scripts = Object.keys(pkg.scripts);
    expect(wrong(/npm run (?:-s )?([a-z0-9:]+)/g, ([, name = '']) => scripts.includes(name))).toEqual([]);
  });

  it('name only configuration keys that there are', () => {
    const sections = Object.entries(FileSchema.properties).flatMap(([name, part]) =>
      'properties' in part ? [name] : [],
    );
    const key = new RegExp(
      `\`(?:--set )?((?:${sections.join('|')})(?:\\.[a-zA-Z0-9]+)+)(?![a-zA-Z0-9.])`,
      'g',
    );
    const isKnown = ([, path = '']: RegExpMatchArray) => hasKey(FileSchema, path.split('.'));
    // Files, and types of events, are written in the same way.
    const isOther = ([, path = '']: RegExpMatchArray) => /\.(ts|mjs|md|detected|cleared|message)$/.test(path);
    expect(wrong(key, (match) => isKnown(match) || isOther(match))).toEqual([]);
    const variable = /`(BRAMBLE_[A-Z0-9]+__[A-Z0-9_]+)/g;
    const isVariable = ([, name = '']: RegExpMatchArray) => {
      const path = name.slice('BRAMBLE_'.length).toLowerCase().split('__');
      return hasKey(
        FileSchema,
        path.map((part) => part.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase())),
      );
    };
    expect(wrong(variable, isVariable)).toEqual([]);
  });

  it('show configurations that can be used', () => {
    const examples = texts.flatMap(({ file, text }) =>
      [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map((match) => ({ file, value: parse(match[1] ?? '') })),
    );
    const configurations = examples.filter(({ value }) => 'mqtt' in value || 'gateway' in value);
    expect(configurations.length).toBeGreaterThan(0);
    for (const { file, value } of configurations)
      expect({ file, problems: findProblems(FileSchema, value) }).toEqual({ file, problems: [] });
  });

  it('show the start screen as it is', () => {
    const shown = /^```text\n( {2}Bramble .*?)```$/ms.exec(read('README.md'))?.[1] ?? '';
    const [, node = '', startMs = ''] = /node (\S+): ready in (\d+) ms/.exec(shown) ?? [];
    const [, password = ''] = /password +(\S+)/.exec(shown) ?? [];
    const { mqtt, gateway, dataDir } = loadConfig({ env: {} }).config;
    const screen = renderWelcome(
      {
        version: pkg.version,
        node,
        gatewayUrl: `http://${gateway.host}:${gateway.port}`,
        user: gateway.user,
        password,
        passwordFile: join(dataDir, 'password'),
        brokerUrl: `mqtt://${mqtt.listen.host}:${mqtt.listen.port}`,
        dataDir,
        startMs: Number(startMs),
        isSimulated: true,
      },
      { isTerminal: true, paint: createPaint({ isTTY: false }, {}) },
    );
    expect(shown.trim()).toBe(screen.trim());
  });

  it('tell every setting of a function, and none that there is not', () => {
    const scaling = read('src/functions/scale-settings.ts');
    const code = read('src/functions/settings.ts') + scaling;
    const calls = /(?:reader\.annotation\(|reader\.environment\(|readFilters\(reader, )'([^']+)'/g;
    const labels = [...scaling.matchAll(/\blabel\('([^']+)'/g)].map(
      ([, name]) => `com.openfaas.scale.${name}`,
    );
    const used = new Set([...[...code.matchAll(calls)].map((match) => match[1] ?? ''), ...labels]);
    const tables = read('docs/FUNCTIONS.md')
      .split(/^## (?:Settings: |Scaling$)/m)
      .slice(1)
      .join('\n');
    const told = new Set(
      [...tables.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap((row) =>
        [...(row[1] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''),
      ),
    );
    expect([...told].sort()).toEqual([...used].sort());
  });

  it('tell every topic', () => {
    // Whatever a part is called: that it is there counts.
    const told = read('docs/MQTT.md').replaceAll(/<\w+>/g, '<…>');
    const all = Object.values(topics).map((topic) =>
      typeof topic === 'string' ? topic : topic('<…>', '<…>', '<…>'),
    );
    expect(all.filter((topic) => !told.includes(`\`${topic}\``))).toEqual([]);
  });

  it('list every folder of the source', () => {
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `\`src/${name}/\``);
    const told = read('docs/ARCHITECTURE.md');
    expect(folders.filter((folder) => !told.includes(folder))).toEqual([]);
  });
});

function hasKey(schema: unknown, path: readonly string[]): boolean {
  const [head, ...rest] = path;
  if (head === undefined) return true;
  if (typeof schema !== 'object' || schema === null || !('properties' in schema)) return false;
  const { properties } = schema;
  if (typeof properties !== 'object' || properties === null || !(head in properties)) return false;
  return hasKey(Object.entries(properties).find(([name]) => name === head)?.[1], rest);
}
