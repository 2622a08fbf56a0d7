import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { stackDeployment } from '../../../src/main/deploy-stack.ts';
import { BrambleError } from '../../../src/support/errors.ts';
import { silentLog } from '../../../src/support/log.ts';
import { FakeRuntime } from '../../support/fake-runtime.ts';

let folder: string;
let file: string;
let runtime: FakeRuntime;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bramble-stack-'));
  file = join(folder, 'stack.yml');
  runtime = new FakeRuntime();
});
afterEach(() => rmSync(folder, { recursive: true }));

function start(stack: string): Promise<void> {
  writeFileSync(file, stack);
  const signal = new AbortController().signal;
  return stackDeployment({ runtime, file, env: {}, log: silentLog }).start(signal);
}

const deployed = () => runtime.specs.map(({ service }) => service);

it('deploys what is not there, and leaves alone what is as the file says', async () => {
  const stack = 'functions:\n  a:\n    fprocess: cat\n  b:\n    fprocess: cat\n';
  await start(stack);
  await start(stack);
  expect(deployed()).toEqual(['a', 'b']);
});

it('updates what the file has otherwise', async () => {
  await start('functions:\n  a:\n    fprocess: cat\n');
  await start('functions:\n  a:\n    fprocess: wc\n');
  expect(deployed()).toEqual(['a', 'a']);
});

it('passes over a function that cannot run here', async () => {
  const deploy = runtime.deploy.bind(runtime);
  runtime.deploy = async (spec) => {
    if (spec.service === 'a') throw new BrambleError('INVALID', 'needs a language that is not there');
    await deploy(spec);
  };
  await start('functions:\n  a:\n    fprocess: cat\n  b:\n    fprocess: cat\n');
  expect(deployed()).toEqual(['b']);
});

it('rejects what has nothing to do with one function', async () => {
  runtime.deploy = () => Promise.reject(new BrambleError('STORE_FULL', 'the disk is full'));
  await expect(start('functions:\n  a:\n    fprocess: cat\n')).rejects.toMatchObject({ code: 'STORE_FULL' });
});

it('rejects a file that cannot be used', async () => {
  await expect(start('functions: [')).rejects.toMatchObject({ code: 'INVALID' });
});
