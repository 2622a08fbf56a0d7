import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseDockerignore, readDockerignore } from '../../../src/images/docker-ignore.ts';
import { removeFolder } from '../../support/remove-folder.ts';

const files = ['Dockerfile', '.env', 'a.log', 'src/a.log', 'src/a.mjs', 'src/deep/b.mjs', 'data (1)/x+y'];
const sent = (...lines: string[]) => files.filter(parseDockerignore(lines.join('\n')));

describe('.dockerignore', () => {
  it('lets everything through that it does not name', () => {
    expect(sent()).toEqual(files);
    expect(sent('# .env', '', 'nothing')).toEqual(files);
  });

  it.each([
    ['.env', ['.env']],
    ['/.env', ['.env']],
    ['*.log', ['a.log']],
    ['**/*.log', ['a.log', 'src/a.log']],
    ['src', ['src/a.log', 'src/a.mjs', 'src/deep/b.mjs']],
    ['src/', ['src/a.log', 'src/a.mjs', 'src/deep/b.mjs']],
    ['src/*.mjs', ['src/a.mjs']],
    ['src/**/*.mjs', ['src/a.mjs', 'src/deep/b.mjs']],
    ['src/?.[lm]*', ['src/a.log', 'src/a.mjs']],
    ['data (1)/x+y', ['data (1)/x+y']],
    ['data\\ (1)', ['data (1)/x+y']],
  ])('%s leaves out %j', (line, left) => {
    expect(sent(line)).toEqual(files.filter((file) => !left.includes(file)));
  });

  it('decides by the last line that fits, and always lets the Dockerfile through', () => {
    expect(sent('*', '!src', 'src/deep')).toEqual(['Dockerfile', 'src/a.log', 'src/a.mjs']);
  });

  it('is read from the folder, where there is one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bramble-ignore-'));
    onTestFinished(() => removeFolder(folder));
    expect((await readDockerignore(folder))('.env')).toBe(true);
    writeFileSync(join(folder, '.dockerignore'), '.env\r\n');
    expect((await readDockerignore(folder))('.env')).toBe(false);
  });
});
