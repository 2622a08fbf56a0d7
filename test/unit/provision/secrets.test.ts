import { chmodSync, chownSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readSecrets, type SecretSources } from '../../../provision/secrets.ts';
import { removeFolder } from '../../support/remove-folder.ts';

interface Wanted {
  readonly wifiFile?: string;
  readonly userFile?: string;
  readonly hasPassword?: boolean;
  readonly isWireless?: boolean;
}

function inventory({ wifiFile, userFile, hasPassword = false, isWireless = true }: Wanted = {}) {
  return {
    wifi: { ssid: 'home', country: 'DE', isHidden: false, passwordFile: wifiFile },
    user: { name: 'pi', authorizedKeys: [], hasPassword, passwordFile: userFile },
    nodes: [
      {
        name: 'pi-01',
        role: 'manager' as const,
        host: 'pi-01.local',
        addressing: { kind: 'dhcp' as const },
        isWireless,
        hardware: [],
        labels: {},
      },
    ],
  };
}

const read = (wanted: Wanted, sources: Partial<SecretSources>) =>
  readSecrets(inventory(wanted), { env: {}, ask: undefined, ...sources });

/** Answers one question after the other, and remembers them. */
function answering(...answers: string[]) {
  const asked: string[] = [];
  const ask = async (question: string) => {
    asked.push(question);
    return answers.shift() ?? '';
  };
  return { asked, ask };
}

function secretFile(text: string, mode = 0o600): string {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-secret-'));
  onTestFinished(() => removeFolder(folder));
  const file = join(folder, 'secret');
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

describe('secrets', () => {
  it('come from the environment before a file, and from a file before the terminal', async () => {
    const wifiFile = secretFile('of the file\n');
    const { asked, ask } = answering('of the terminal');
    const env = { BRAMBLE_WIFI_PASSWORD: 'of the environment' };
    expect(await read({ wifiFile }, { env, ask })).toMatchObject({ wifiPassword: 'of the environment' });
    expect(await read({ wifiFile }, { ask })).toMatchObject({ wifiPassword: 'of the file' });
    expect(asked).toEqual([]);
    expect(await read({}, { ask })).toMatchObject({ wifiPassword: 'of the terminal' });
    expect(asked).toEqual(['The password of the Wi-Fi home: ']);
  });

  it('are not asked for where nothing needs them', async () => {
    expect(await read({ isWireless: false }, {})).toEqual({
      wifiPassword: undefined,
      userPassword: undefined,
    });
  });

  it('are asked for twice where a slip would show too late', async () => {
    const wanted = { isWireless: false, hasPassword: true };
    expect(await read(wanted, answering('s3cret', 's3cret'))).toMatchObject({ userPassword: 's3cret' });
    await expect(read(wanted, answering('s3cret', 's3cert'))).rejects.toThrow(/typed in two ways/);
  });

  it('say where they can come from when they come from nowhere', async () => {
    await expect(read({}, {})).rejects.toThrow(
      /Wi-Fi home is needed; set BRAMBLE_WIFI_PASSWORD, name a file with cluster\.network\.wifi\.passwordFile/,
    );
  });

  it.each(['short', 'x'.repeat(65), 'äöüäöüäöü', 'tab\tbed key'])(
    'that no Wi-Fi can have are refused and not repeated: %j',
    async (secret) => {
      const refusal = read({}, { env: { BRAMBLE_WIFI_PASSWORD: secret } });
      await expect(refusal).rejects.toThrow(/BRAMBLE_WIFI_PASSWORD, must have 8 to 63 characters/);
      await expect(refusal).rejects.not.toThrow(secret);
    },
  );

  it('may be the key of the Wi-Fi itself', async () => {
    const env = { BRAMBLE_WIFI_PASSWORD: '0123456789abcdef'.repeat(4) };
    expect(await read({}, { env })).toMatchObject({ wifiPassword: env.BRAMBLE_WIFI_PASSWORD });
  });

  it('of a user are one line and not empty', async () => {
    const wanted = { isWireless: false, hasPassword: true };
    await expect(read({ ...wanted, userFile: secretFile('') }, {})).rejects.toThrow(/is empty/);
    await expect(read({ ...wanted, userFile: secretFile('a\nb\n') }, {})).rejects.toThrow(/one line/);
  });
});

describe('a file with a secret', () => {
  it.each([0o600, 0o400])('is read with the rights %o', async (mode) => {
    const wifiFile = secretFile('long enough', mode);
    expect(await read({ wifiFile }, {})).toMatchObject({ wifiPassword: 'long enough' });
  });

  it.each([0o644, 0o640, 0o620, 0o604])(
    'is refused with the rights %o, and the command told',
    async (mode) => {
      const wifiFile = secretFile('long enough', mode);
      await expect(read({ wifiFile }, {})).rejects.toThrow(`run chmod 600 ${wifiFile}`);
    },
  );

  const isRoot = process.getuid?.() === 0;
  it.skipIf(!isRoot)(
    'is refused when it is another user’s (needs root), but for who called sudo',
    async () => {
      const wifiFile = secretFile('long enough');
      chownSync(wifiFile, 12_345, 12_345);
      await expect(read({ wifiFile }, {})).rejects.toThrow(/belongs to another user/);
      expect(await read({ wifiFile }, { env: { SUDO_UID: '12345' } })).toMatchObject({
        wifiPassword: 'long enough',
      });
    },
  );

  it('that is not there is told how to make', async () => {
    await expect(read({ wifiFile: '/nonexistent/secret' }, {})).rejects.toThrow(/umask 077/);
  });

  it('that is far too long was named by mistake', async () => {
    await expect(read({ wifiFile: secretFile('x'.repeat(5000)) }, {})).rejects.toThrow(/over 4096 bytes/);
  });
});
