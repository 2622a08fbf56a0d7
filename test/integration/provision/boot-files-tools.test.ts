import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { renderYaml } from '../../../provision/customise/cloud-yaml.ts';
import { customise } from '../../../provision/customise/customise.ts';
import { sshdConfig } from '../../../provision/customise/first-boot-script.ts';
import { makeHostKey } from '../../../provision/customise/host-keys.ts';
import { renderKeyfile } from '../../../provision/customise/keyfile.ts';
import { pinHostKey } from '../../../provision/customise/known-hosts.ts';
import { hashPassword } from '../../../provision/customise/passwords.ts';
import { derivePsk } from '../../../provision/customise/wifi-psk.ts';
import { quote } from '../../../src/support/shell.ts';
import { duringTest } from '../../support/during-test.ts';
import { exampleNodes, examplePsk, nodeSetup, presentFiles } from '../../support/node-setup.ts';
import { run } from '../../support/pi-image.ts';

/** In CI nothing is missing, or the test fails. */
function lacks(...programs: readonly string[]): boolean {
  const path = `${process.env.PATH}:/usr/sbin:/sbin`;
  const isThere = (program: string) =>
    spawnSync('which', [program], { env: { ...process.env, PATH: path } }).status === 0;
  return process.env.CI === undefined && !programs.every(isThere);
}

const kinds = ['plain', 'wifi', 'static'] as const;
type Kind = (typeof kinds)[number];

/** Writes one boot file to a folder of the test's, for those only who may read it. */
function written(release: 'bookworm' | 'trixie', kind: Kind, path: string): string {
  const content = customise(release, exampleNodes[kind], presentFiles[release]).find(
    (file) => file.path === path,
  )?.content;
  return writtenText(path, content ?? '');
}

function writtenText(name: string, content: string): string {
  const file = join(duringTest.folder(), name);
  writeFileSync(file, content, { mode: 0o600 });
  return file;
}

/** What would be hard to quote, and what people do. */
const awkward = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 32 }),
  fc.string({ unit: fc.constantFrom(...'\'"$`\\;#:{}[]&*!|>%@-? ~=0n\n'), maxLength: 16 }),
  fc.constantFrom('NO', 'on', 'yes', 'null', '~', '0700', '12:34', '1e3', '.inf', '2001-01-01', '__proto__'),
);

describe.skipIf(lacks('cloud-init'))('boot files of Trixie (need cloud-init)', () => {
  it.each(kinds)('of the kind %s pass cloud-init’s check', (kind) => {
    const said = run('cloud-init', ['schema', '--config-file', written('trixie', kind, 'user-data')]);
    expect(said).toMatch(/^Valid (cloud-config|schema)/);
  });

  it('leave a user-data that passes, too', () => {
    const userData = customise('trixie', nodeSetup(), presentFiles.trixie)[0]?.content ?? '';
    const [, used] = /used_user_data='([^']*)'/.exec(userData) ?? [];
    const file = writtenText('user-data', used?.replaceAll('\n      ', '\n') ?? '');
    expect(run('cloud-init', ['schema', '--config-file', file])).toMatch(/^Valid (cloud-config|schema)/);
  });
});

describe.skipIf(lacks('netplan'))('network configurations (need netplan)', () => {
  /** What NetworkManager gets of it. */
  function generate(kind: Kind): string {
    const folder = duringTest.folder();
    const config = readFileSync(written('trixie', kind, 'network-config'), 'utf8');
    mkdirSync(join(folder, 'etc/netplan'), { recursive: true });
    // The image has this in a file of its own.
    const text = config.replace('version: 2\n', 'version: 2\n  renderer: NetworkManager\n');
    writeFileSync(join(folder, 'etc/netplan/50-cloud-init.yaml'), text, { mode: 0o600 });
    run('netplan', ['generate', '--root-dir', folder]);
    const connections = join(folder, 'run/NetworkManager/system-connections');
    const [name = ''] = readdirSync(connections).filter((one) =>
      one.includes(kind === 'wifi' ? 'wlan0' : 'eth0'),
    );
    return readFileSync(join(connections, name), 'utf8');
  }

  it('become connections of NetworkManager with the Wi-Fi’s name and key', () => {
    const connection = generate('wifi');
    expect(connection).toContain('ssid=Søstrene "Grå" $HOME\n');
    expect(connection).toContain(`psk=${examplePsk}\n`);
    expect(connection).toContain('hidden=true\n');
  });

  it('become connections with the static address', () => {
    expect(generate('static')).toMatch(/^address1=192\.168\.1\.21\/24$/m);
  });
});

describe.skipIf(lacks('python3'))('YAML (needs python3-yaml)', () => {
  it('says the same to YAML 1.1, whatever text passes the door', () => {
    const values = fc
      .sample(awkward, 400)
      .map((text) => text.replace(/\p{Cc}/gu, ''))
      .map((text) => ({ text, key: Object.fromEntries([[text, 1]]), script: `#!/bin/sh\n${text}\n` }));
    const program = 'import json,sys,yaml; print(json.dumps(yaml.safe_load(sys.stdin.buffer.read())))';
    expect(JSON.parse(run('python3', ['-c', program], { input: renderYaml(values) }))).toEqual(values);
  });
});

describe('the first-boot script', () => {
  test.each(kinds)('of the kind %s is one that sh understands', (kind) => {
    expect(run('sh', ['-n', written('bookworm', kind, 'bramble-first-boot.sh')])).toBe('');
  });

  describe.skipIf(lacks('shellcheck'))('with shellcheck', () => {
    test.each(kinds)('of the kind %s has no fault', (kind) => {
      const file = written('bookworm', kind, 'bramble-first-boot.sh');
      // It does not see that steps are called by their names, nor that `$6$` of a hash is meant.
      expect(run('shellcheck', ['--exclude=SC2317,SC2016', file])).toBe('');
    });
  });

  it('gets any text through the shell unchanged', () => {
    const texts = fc.sample(awkward, 400);
    const script = `printf '%s\\0' ${texts.map(quote).join(' ')}`;
    expect(run('sh', ['-s'], { input: script })).toBe(texts.map((text) => `${text}\0`).join(''));
  });
});

describe.skipIf(lacks('nmcli'))('keyfiles (need network-manager)', () => {
  /** NetworkManager's own reader and writer, without its service. */
  const readBack = (keyfile: string) =>
    run('nmcli', ['--offline', 'connection', 'modify', 'connection.zone', 'home'], { input: keyfile });

  it('give NetworkManager the Wi-Fi’s name and key', () => {
    const wifi = { ssid: 'Home "5 GHz" $HOME', psk: examplePsk, isHidden: true };
    const said = readBack(renderKeyfile(nodeSetup({ wifi })) ?? '');
    expect(said).toContain('ssid=Home "5 GHz" $HOME\n'); // out of the bytes that it was given
    expect(said).toContain(`psk=${examplePsk}\n`);
    expect(said).toContain('hidden=true\n');
  });

  it('give NetworkManager the static address', () => {
    const said = readBack(renderKeyfile(exampleNodes.static) ?? '');
    expect(said).toContain('address1=192.168.1.21/24,192.168.1.1\ndns=192.168.1.1;9.9.9.9;\nmethod=manual\n');
  });
});

describe.skipIf(lacks('ssh-keygen'))('host keys (need ssh-keygen)', () => {
  it('are read by OpenSSH, and both parts belong together', () => {
    const { privateKey, publicKey } = makeHostKey('pi-01');
    const file = writtenText('host_key', privateKey);
    expect(run('ssh-keygen', ['-y', '-f', file]).trim()).toBe(publicKey);
    expect(run('ssh-keygen', ['-l', '-f', file])).toMatch(/^256 SHA256:\S+ pi-01 \(ED25519\)\n$/);
    expect(makeHostKey('pi-01').publicKey).not.toBe(publicKey);
  });

  it('are found in the known-hosts file by name, address and port', () => {
    const file = join(duringTest.folder(), 'known_hosts');
    const { publicKey } = makeHostKey('pi-01');
    const hosts = [
      { name: 'pi-01.local', port: 22 },
      { name: '192.168.1.21', port: 2222 },
    ];
    pinHostKey(file, hosts, publicKey);
    for (const name of ['pi-01.local', '[192.168.1.21]:2222'])
      expect(run('ssh-keygen', ['-F', name, '-f', file])).toContain(publicKey);
  });

  it('take the place of hashed ones', () => {
    const file = join(duringTest.folder(), 'known_hosts');
    const host = { name: 'pi-01', port: 22 };
    pinHostKey(file, [host], makeHostKey('old').publicKey);
    run('ssh-keygen', ['-H', '-f', file]);
    expect(readFileSync(file, 'utf8')).toMatch(/^\|1\|/);
    const { publicKey } = makeHostKey('new');
    pinHostKey(file, [host], publicKey);
    expect(readFileSync(file, 'utf8')).toBe(`pi-01 ${publicKey}\n`);
  });
});

describe.skipIf(lacks('sshd'))('the configuration of sshd (needs openssh-server)', () => {
  it('is accepted with the host key, and has passwords off', () => {
    const key = writtenText('host_key', makeHostKey('pi-01').privateKey);
    const config = writtenText('sshd_config', sshdConfig.replace('/etc/ssh/ssh_host_ed25519_key', key));
    run('/usr/sbin/sshd', ['-t', '-f', config]);
    const effective = run('/usr/sbin/sshd', ['-T', '-f', config]);
    expect(effective).toContain('\npasswordauthentication no\n');
    expect(effective).toContain('\nkbdinteractiveauthentication no\n');
    expect(effective.match(/^hostkey .*$/gm)).toEqual([`hostkey ${key}`]);
  });
});

describe('passwords and keys', () => {
  it.skipIf(lacks('openssl'))('are hashed as openssl does (needs openssl)', () => {
    const hash = hashPassword('pass wörd');
    const salt = hash.split('$').slice(2, 4).join('$');
    expect(run('openssl', ['passwd', '-6', '-salt', salt, '-stdin'], { input: 'pass wörd\n' }).trim()).toBe(
      hash,
    );
  });

  it.skipIf(lacks('wpa_passphrase'))(
    'of Wi-Fi are derived as wpa_passphrase does (needs wpasupplicant)',
    () => {
      for (const [ssid, passphrase] of [
        ['Home', 'correct horse'],
        ['Søstrene "Grå"', '$HOME`\'"\\ ~~~~'],
      ] as const)
        expect(run('wpa_passphrase', [ssid], { input: `${passphrase}\n` })).toContain(
          `\tpsk=${derivePsk(ssid, passphrase)}\n`,
        );
    },
  );
});
