import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  renderConfigDocument,
  renderConfigSchema,
  renderErrorsDocument,
  renderMqttDocument,
} from '../../docs/render.ts';
import { root, sourceFiles } from '../support/repo.ts';

const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)));
const read = (file: string) => readFileSync(join(root, file), 'utf8');

describe('the repository', () => {
  it('keeps source files short enough to read at a sitting', () => {
    const long = sourceFiles(['src', 'hardware', 'provision']).filter(
      (file) => read(file).split('\n').length > 320,
    );
    expect(long).toEqual([]);
  });

  it('names files in kebab-case', () => {
    const odd = sourceFiles(['src', 'hardware', 'provision', 'test', 'docs']).filter(
      (file) => !/^([a-z0-9]+(-[a-z0-9]+)*)(\.[a-z0-9-]+)*\.ts$/.test(file.split('/').at(-1) ?? ''),
    );
    expect(odd).toEqual([]);
  });

  it('has generated documents that are up to date (npm run docs)', () => {
    expect(read('docs/CONFIG.md')).toBe(renderConfigDocument());
    expect(read('docs/ERRORS.md')).toBe(renderErrorsDocument());
    expect(read('docs/bramble.schema.json')).toBe(renderConfigSchema());
    expect(read('docs/MQTT.md')).toBe(renderMqttDocument(read('docs/MQTT.md')));
  });

  it('keeps the README under 200 lines', () => {
    expect(read('README.md').split('\n').length).toBeLessThan(200);
  });

  it('has no default exports, non-null assertions or any in the agent', () => {
    const code = sourceFiles(['src', 'hardware', 'provision']);
    const withoutComments = (file: string) => read(file).replace(/^\s*(\/\/|\*|\/\*\*).*$/gm, '');
    expect(code.filter((file) => /^export default/m.test(read(file)))).toEqual([]);
    expect(code.filter((file) => /:\s*any\b|\bas any\b/.test(withoutComments(file)))).toEqual([]);
  });

  it('gives every TODO an issue number', () => {
    const bare = tracked.filter(
      (file) =>
        /\.(ts|mjs|py|sh)$/.test(file) &&
        /TODO(?!\(#\d+\))/.test(read(file)) &&
        !file.endsWith('rules.test.ts'),
    );
    expect(bare).toEqual([]);
  });

  it('links only to files that exist', () => {
    const broken = tracked
      .filter((file) => file.endsWith('.md'))
      .flatMap((file) =>
        [...read(file).matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)]
          .map((match) => match[1] ?? '')
          .filter((target) => !/^[a-z]+:/.test(target) && !existsSync(join(root, file, '..', target)))
          .map((target) => `${file}: ${target}`),
      );
    expect(broken).toEqual([]);
  });

  it('commits no download address, and no path of somebody’s machine', () => {
    expect(read('package-lock.json')).not.toContain('"resolved"');
    const leaks = tracked.filter(
      (file) =>
        /\.(ts|mjs|md|json|ya?ml|sh|py)$|^\.ci\//.test(file) &&
        /\/(work|home\/[a-z]+|root)\//.test(read(file)) &&
        !file.endsWith('rules.test.ts'),
    );
    expect(leaks).toEqual([]);
  });
});
