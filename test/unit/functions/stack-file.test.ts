// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders are what is tested
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readStack } from '../../../src/functions/stack-file.ts';
import { toBrambleError } from '../../../src/support/errors.ts';

describe('a stack file', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bramble-stack-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function read(text: string, variables: Record<string, string> = {}) {
    const file = join(folder, 'stack.yml');
    await writeFile(file, text);
    return readStack(file, variables);
  }

  const problemsOf = (text: string) =>
    read(text).then(
      () => [],
      (err) => toBrambleError(err).problems.map(({ path }) => path),
    );

  it('becomes deployments: paths from the file’s folder, values as text, the language as annotations', async () => {
    const { gateway, functions } = await read(`
version: 1.0
provider: { name: openfaas, gateway: http://pi:8080 }
functions:
  guard:
    lang: node20
    handler: ./guard
    image: me/guard:1
    environment: { threshold: 1.5, on: true }
    labels: { com.openfaas.scale.min: 2 }
    annotations: { topic: a/+ }
    secrets: [key]
    limits: { memory: 64Mi }
`);
    expect(gateway).toBe('http://pi:8080');
    expect(functions).toEqual([
      {
        service: 'guard',
        image: 'me/guard:1',
        envVars: { threshold: '1.5', on: 'true' },
        labels: { 'com.openfaas.scale.min': '2' },
        annotations: { 'bramble.lang': 'node', 'bramble.handler': join(folder, 'guard'), topic: 'a/+' },
        secrets: ['key'],
        constraints: [],
        limits: { memory: '64Mi' },
      },
    ]);
  });

  it('runs what fprocess says, whatever the language, in the handler’s folder', async () => {
    const { functions } = await read('functions: { echo: { lang: node, handler: ./echo, fprocess: cat } }');
    expect(functions[0]).toMatchObject({
      image: 'echo:latest',
      envProcess: 'cat',
      annotations: { 'bramble.handler': join(folder, 'echo') },
    });
    expect(functions[0]?.annotations).not.toHaveProperty('bramble.lang');
  });

  it('fills in variables', async () => {
    const text = 'functions: { fn: { image: "${REGISTRY:-docker.io}/fn:${TAG}" } }';
    expect((await read(text, { TAG: '2' })).functions[0]?.image).toBe('docker.io/fn:2');
  });

  it('merges environment files, later ones over earlier ones, and the environment over all', async () => {
    await writeFile(join(folder, 'one.yml'), 'environment: { a: 1, b: 1, c: 1 }');
    await writeFile(join(folder, 'two.yml'), 'environment: { b: 2, c: 2 }');
    const { functions } = await read(
      'functions: { fn: { image: x, environment_file: [one.yml, two.yml], environment: { c: 3 } } }',
    );
    expect(functions[0]?.envVars).toEqual({ a: '1', b: '2', c: '3' });
  });

  it('names the place of every problem', async () => {
    expect(
      await problemsOf(`
functions:
  guard: { image: x, annotations: { schedule: sometimes } }
  late: { image: x, environment: { exec_timeout: soon } }
  broken: { image: x, fprocess: 'sh -c "' }
  Big_Name: { image: x }
`),
    ).toEqual([
      'functions.guard.annotations.schedule',
      'functions.late.environment.exec_timeout',
      'functions.broken.fprocess',
      'functions.Big_Name',
    ]);
  });

  it.each([
    ['functions', 'version: 1.0'],
    ['provider.name', 'provider: { name: other }\nfunctions: {}'],
    ['functions.fn.environment', 'functions: { fn: { image: x, environment: text } }'],
    ['', 'functions: ['],
  ])('is refused, with the place "%s", when it is not one', async (path, text) => {
    expect(await problemsOf(text)).toContain(path);
  });

  it('that is missing, or names a missing file, is INVALID with the path', async () => {
    await expect(readStack(join(folder, 'none.yml'), {})).rejects.toMatchObject({ code: 'INVALID' });
    await expect(read('functions: { fn: { image: x, environment_file: [gone.yml] } }')).rejects.toThrow(
      /gone\.yml/,
    );
  });
});
