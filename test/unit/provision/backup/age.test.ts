import { describe, expect, it } from 'vitest';
import { decryptWithPassphrase, encryptWithPassphrase } from '../../../../provision/backup/age.ts';

/** Made by `age --passphrase` 1.1.1. */
const byAge = Buffer.from(
  'YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBwQmxNWEdOZU9ROUJsc0VQL09oMnR3IDE4CjBPMGVNSElmdjBCbkJ0TzZ3TU4xTnNleHROdUsyTkxtaU9temQyTDBIdU0KLS0tIGx1bElFTEpDcjBGcTFlakxRbTYwMUhwLzAvK3VTZWw1Uys2MUZSTmV2K00KsYKHZfbCE4CTla/5aMgN/+Goim3/SxdmQcqhqRtmOjq35fJB9IpzI9BIlchzAxU=',
  'base64',
);

async function* pieces(...all: readonly Uint8Array[]) {
  yield* all;
}

async function join(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

const fast = { work: 4 };
const seal = (...all: readonly Uint8Array[]) => join(encryptWithPassphrase(pieces(...all), 'right', fast));
const open = (file: Uint8Array, passphrase = 'right') =>
  join(decryptWithPassphrase(pieces(file), passphrase));

describe('encryption with a passphrase', () => {
  it('opens what the program age has made', async () => {
    expect((await open(byAge, 'hunter2 hunter2')).toString()).toBe('hello from age\n');
  });

  it.each([0, 1, 65_535, 65_536, 65_537, 131_072, 200_000])(
    'gives %i bytes back as they were',
    async (length) => {
      const content = Buffer.alloc(length, 'abc');
      const sealed = await seal(content.subarray(0, 70_000), content.subarray(70_000));
      expect((await open(sealed)).equals(content)).toBe(true);
      if (length >= 3) expect(sealed.includes('abcabcabc')).toBe(false);
    },
  );

  it('takes a file in pieces of any size', async () => {
    const sealed = await seal(Buffer.from('short'));
    const bytes = [...sealed].map((byte) => Buffer.of(byte));
    expect((await join(decryptWithPassphrase(pieces(...bytes), 'right'))).toString()).toBe('short');
  });

  it('never makes the same of the same', async () => {
    const [one, other] = [await seal(Buffer.from('same')), await seal(Buffer.from('same'))];
    expect(one.equals(other)).toBe(false);
  });

  it('tells a wrong password from a file that is broken', async () => {
    const sealed = await seal(Buffer.from('content'));
    await expect(open(sealed, 'wrong')).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    await expect(open(Buffer.from('no such file'))).rejects.toMatchObject({ code: 'INVALID' });
    await expect(open(Buffer.alloc(0))).rejects.toMatchObject({ code: 'INVALID' });
  });

  it("refuses what was cut, at a chunk's border too, and what was changed", async () => {
    const sealed = await seal(Buffer.alloc(70_000));
    for (const end of [sealed.length - 1, sealed.length - (70_000 - 65_536) - 16, 150, 40])
      await expect(open(sealed.subarray(0, end))).rejects.toMatchObject({ code: 'INVALID' });
    for (const at of [sealed.length - 1, sealed.length - 5000, 0]) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(sealed.readUInt8(at) ^ 1, at);
      await expect(open(changed)).rejects.toMatchObject({ code: 'INVALID' });
    }
    await expect(open(Buffer.concat([sealed, Buffer.of(0)]))).rejects.toMatchObject({ code: 'INVALID' });
  });

  it('does not spend memory without limit on a file of others', async () => {
    const text = (await seal(Buffer.from('x'))).toString('latin1').replace(/(-> scrypt \S+) 4/, '$1 40');
    await expect(open(Buffer.from(text, 'latin1'))).rejects.toMatchObject({ code: 'INVALID' });
  });
});
