import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addToYaml } from '../../../src/cli/yaml.ts';
import { readSources, readStack } from '../../../src/functions/stack-file.ts';
import { withBuildContext } from '../../../src/images/build-context.ts';
import { createFunction } from '../../../src/images/new-function.ts';
import { findTemplate, listTemplates } from '../../../src/images/template.ts';
import { root } from '../../support/repo.ts';

let folder: string;
let stackFile: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bramble-new-'));
  stackFile = join(folder, 'stack.yml');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const functionsDir = join(root, 'functions');
const places = () => ({
  projectFolder: join(folder, 'template'),
  ourFolder: join(functionsDir, 'templates'),
});

async function begin(name: string, lang: string, prefix?: string): Promise<string> {
  const template = await findTemplate(lang, places());
  return createFunction({ name, lang, prefix, template, stackFile, addToYaml });
}

function addTheirTemplate(): void {
  const at = join(folder, 'template/golang');
  mkdirSync(join(at, 'handler'), { recursive: true });
  writeFileSync(join(at, 'Dockerfile'), 'FROM golang\n');
  writeFileSync(join(at, 'template.yml'), 'language: go\nfprocess: ./handler\nhandler_folder: handler\n');
  writeFileSync(join(at, 'handler/handler.go'), 'package function\n');
  writeFileSync(join(at, 'main.go'), 'package main\n');
}

describe('a new function', () => {
  it.each(['node', 'python', 'sh'])('in %s can be deployed as it is', async (lang) => {
    await begin('hello', lang);
    const { functions } = await readStack(stackFile, {});
    expect(functions.map(({ service, image }) => ({ service, image }))).toEqual([
      { service: 'hello', image: 'hello:latest' },
    ]);
  });

  it('begins a stack file that is easy to go on with', async () => {
    await begin('hello', 'node', 'registry.local:5000');
    expect(readFileSync(stackFile, 'utf8')).toBe(
      [
        'version: 1.0',
        'provider:',
        '  name: openfaas',
        'functions:',
        '  hello:',
        '    lang: node',
        '    handler: ./hello',
        '    image: registry.local:5000/hello:latest',
        '',
      ].join('\n'),
    );
  });

  it('joins those that are in the stack file, and leaves its comments alone', async () => {
    writeFileSync(
      stackFile,
      '# ours\nversion: 1.0\nfunctions:\n  # the first\n  one:\n    image: one:1 # pinned\n',
    );
    await begin('two', 'node', 'registry.local:5000');
    const text = readFileSync(stackFile, 'utf8');
    expect(text).toContain('# ours');
    expect(text).toContain('image: one:1 # pinned');
    expect((await readStack(stackFile, {})).functions.map(({ image }) => image)).toEqual([
      'one:1',
      'registry.local:5000/two:latest',
    ]);
  });

  it('overwrites neither a folder nor an entry', async () => {
    await begin('hello', 'node');
    const before = readFileSync(stackFile, 'utf8');
    await expect(begin('hello', 'python')).rejects.toMatchObject({ code: 'CONFLICT' });
    rmSync(join(folder, 'hello'), { recursive: true });
    await expect(begin('hello', 'python')).rejects.toThrow(/has a function hello already/);
    expect(readFileSync(stackFile, 'utf8')).toBe(before);
    expect(existsSync(join(folder, 'hello'))).toBe(false);
  });

  it('needs a name that Docker and OpenFaaS take, and a template that there is', async () => {
    await expect(begin('Hello World', 'node')).rejects.toMatchObject({ code: 'INVALID' });
    await expect(begin('hello', 'cobol')).rejects.toThrow(/there are node, python, sh/);
  });

  it('of a program has a handler that can be started', async () => {
    const handler = await begin('hello', 'sh');
    expect(statSync(join(handler, 'handler.sh')).mode & 0o111).not.toBe(0);
  });
});

describe('templates', () => {
  it('of the project come before ours', async () => {
    addTheirTemplate();
    expect((await listTemplates(places())).map(({ name }) => name)).toEqual([
      'golang',
      'node',
      'python',
      'sh',
    ]);
    expect(await findTemplate('golang', places())).toMatchObject({ isOurs: false, handlerFolder: 'handler' });
    expect(await findTemplate('node20', places())).toMatchObject({ isOurs: true, name: 'node' });
  });
});

describe('the folder that an image is built from', () => {
  const read = (context: string, file: string) =>
    existsSync(join(context, file)) ? readFileSync(join(context, file), 'utf8') : undefined;

  it('has our template, the handler in its place and the watchdog, and is removed afterwards', async () => {
    await begin('hello', 'node');
    mkdirSync(join(folder, 'hello/node_modules'));
    const [source] = await readSources(stackFile, {});
    if (source === undefined) throw new Error('there is no source');
    const template = await findTemplate(source.lang, places());
    const context = await withBuildContext(source, { template, functionsDir }, async (at) => {
      expect(read(at, 'Dockerfile')).toContain('ARG BASE=');
      expect(read(at, 'function/handler.mjs')).toContain('hello');
      expect(read(at, 'bramble/watchdog/watchdog.mjs')).toBeDefined();
      expect(read(at, 'bramble/runtimes/node/handler.mjs')).toBeDefined();
      expect(existsSync(join(at, 'function/node_modules'))).toBe(false);
      return at;
    });
    expect(existsSync(context)).toBe(false);
  });

  it('has what a template of OpenFaaS brings, with the handler and the common folders where it wants them', async () => {
    addTheirTemplate();
    mkdirSync(join(folder, 'mine'));
    mkdirSync(join(folder, 'common'));
    writeFileSync(join(folder, 'mine/handler.go'), 'package mine\n');
    writeFileSync(join(folder, 'common/shared.go'), 'package shared\n');
    writeFileSync(
      stackFile,
      'functions: { mine: { lang: golang, handler: ./mine, platforms: "linux/arm64, linux/amd64" } }\nconfiguration: { copy: [./common] }\n',
    );
    const [source] = await readSources(stackFile, {});
    if (source === undefined) throw new Error('there is no source');
    expect(source.platforms).toEqual(['linux/arm64', 'linux/amd64']);
    const template = await findTemplate(source.lang, places());
    await withBuildContext(source, { template, functionsDir }, async (at) => {
      expect(read(at, 'main.go')).toBe('package main\n');
      expect(read(at, 'handler/handler.go')).toBe('package mine\n');
      expect(read(at, 'handler/common/shared.go')).toBe('package shared\n');
      expect(existsSync(join(at, 'bramble'))).toBe(false);
    });
  });

  it('is the handler itself where it has a Dockerfile, and refused where it has none', async () => {
    mkdirSync(join(folder, 'own'));
    writeFileSync(stackFile, 'functions: { own: { lang: dockerfile, handler: ./own } }\n');
    const [source] = await readSources(stackFile, {});
    if (source === undefined) throw new Error('there is no source');
    const build = () =>
      withBuildContext(source, { template: undefined, functionsDir }, async (at) => read(at, 'Dockerfile'));
    await expect(build()).rejects.toThrow(/has no Dockerfile/);
    writeFileSync(join(folder, 'own/Dockerfile'), 'FROM scratch\n');
    expect(await build()).toBe('FROM scratch\n');
  });

  it('is not made for functions that are only deployed', async () => {
    writeFileSync(
      stackFile,
      'functions: { ready: { image: "ready:1" }, kept: { handler: ./kept, skip_build: true } }\n',
    );
    expect(await readSources(stackFile, {})).toEqual([]);
  });
});
