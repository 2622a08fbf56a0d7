import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { pinHostKey } from '../../../../provision/customise/known-hosts.ts';
import { removeFolder } from '../../../support/remove-folder.ts';

let folder: string;
beforeEach(() => {
  const parent = mkdtempSync(join(tmpdir(), 'bramble-known-'));
  onTestFinished(() => removeFolder(parent));
  folder = join(parent, '.bramble');
});
const file = () => join(folder, 'known_hosts');
const text = () => readFileSync(file(), 'utf8');
const write = (content: string) => {
  mkdirSync(folder);
  writeFileSync(file(), content);
};
const host = (name: string, port = 22) => ({ name, port });
const key = 'ssh-ed25519 AAAA pi-01';

describe('pinHostKey', () => {
  it('makes a private file in a private folder, and leaves nothing beside it', () => {
    pinHostKey(file(), [host('pi-01'), host('192.168.1.21')], key);
    expect(text()).toBe(`pi-01,192.168.1.21 ${key}\n`);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder)).toEqual(['known_hosts']);
  });

  const isRoot = process.getuid?.() === 0;
  it.skipIf(!isRoot)(
    `belongs to the folder's owner with sudo${isRoot ? '' : ' (skipped: needs root)'}`,
    () => {
      chownSync(dirname(folder), 1000, 1000);
      pinHostKey(file(), [host('pi-01')], key);
      expect([folder, file()].map((path) => statSync(path).uid)).toEqual([1000, 1000]);
    },
  );

  it('writes a port that is not the usual one as ssh does', () => {
    pinHostKey(file(), [host('PI-01', 2222)], key);
    expect(text()).toBe(`[pi-01]:2222 ${key}\n`);
  });

  it('replaces the keys that the hosts had, of whatever kind', () => {
    write('pi-01 ssh-rsa OLD\n192.168.1.21,pi-01 ssh-ed25519 OLD\n');
    pinHostKey(file(), [host('pi-01'), host('192.168.1.21')], key);
    expect(text()).toBe(`pi-01,192.168.1.21 ${key}\n`);
  });

  it('keeps the lines of others, comments, markers and other ports', () => {
    const others =
      '# mine\n\npi-011 ssh-rsa A\n[pi-01]:2222 ssh-rsa B\n@revoked pi-01 ssh-rsa C\n*.lan ssh-rsa D\n';
    write(others);
    pinHostKey(file(), [host('pi-01')], key);
    expect(text()).toBe(`${others}pi-01 ${key}\n`);
  });

  it('takes the hosts out of a line that they share with another', () => {
    write('pi-01,pi-02 ssh-rsa SHARED note');
    pinHostKey(file(), [host('pi-01')], key);
    expect(text()).toBe(`pi-02 ssh-rsa SHARED note\npi-01 ${key}\n`);
  });

  it('changes nothing when it is done twice', () => {
    pinHostKey(file(), [host('pi-01')], key);
    pinHostKey(file(), [host('pi-01')], key);
    expect(text()).toBe(`pi-01 ${key}\n`);
  });
});
