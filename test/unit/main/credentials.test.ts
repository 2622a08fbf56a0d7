import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gatewayPassword } from '../../../src/main/credentials.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bramble-credentials-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('gatewayPassword', () => {
  it('makes a password once, readable by its owner only, and finds it again', () => {
    const dataDir = join(folder, 'new', 'data');
    const first = gatewayPassword({}, dataDir);
    expect(first.password.length).toBeGreaterThanOrEqual(20);
    expect(statSync(join(dataDir, 'password')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dataDir, 'password'), 'utf8').trim()).toBe(first.password);
    expect(gatewayPassword({}, dataDir)).toEqual(first);
  });

  it('takes the configured one, or that of a file, and then keeps nothing', () => {
    writeFileSync(join(folder, 'given'), 'from file\n');
    expect(gatewayPassword({ password: 'given' }, join(folder, 'none'))).toEqual({
      password: 'given',
      file: undefined,
    });
    expect(gatewayPassword({ passwordFile: join(folder, 'given') }, folder).password).toBe('from file');
  });

  it('is never empty, though a file is', () => {
    writeFileSync(join(folder, 'password'), '\n');
    const { password, file } = gatewayPassword({}, folder);
    expect(password.length).toBeGreaterThanOrEqual(20);
    expect(readFileSync(String(file), 'utf8').trim()).toBe(password);
    writeFileSync(join(folder, 'given'), '\n');
    expect(() => gatewayPassword({ passwordFile: join(folder, 'given') }, folder)).toThrow(/is empty/);
  });

  it('says which folder cannot be used, and which file cannot be read', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => gatewayPassword({}, join(folder, 'file', 'data'))).toThrow(
      /cannot use the data folder: .*file/,
    );
    expect(() => gatewayPassword({ passwordFile: join(folder, 'none') }, folder)).toThrow(
      /cannot read the password file .*none/,
    );
  });
});
