import { ReadableStream } from 'node:stream/web';
import { Decrypter, Encrypter } from 'age-encryption';
import { BrambleError, messageOf } from '../../src/support/errors.ts';

type Chunks = AsyncIterable<Uint8Array>;

/**
 * Encryption with a passphrase in the format of age (age-encryption.org/v1), which its own program reads and writes as well:
 * `age --decrypt`. What is encrypted is never all in memory. `work`: the passphrase's scrypt takes 2^work rounds; 18, as age
 * itself has it, unless told.
 */
export async function* encryptWithPassphrase(
  content: Chunks,
  passphrase: string,
  { work = 18 }: { readonly work?: number } = {},
): Chunks {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(work);
  yield* await encrypter.encrypt(ReadableStream.from(content));
}

/** The reverse. Rejects UNAUTHORIZED when the passphrase is another one, INVALID for what is no such file, or was cut or changed. */
export async function* decryptWithPassphrase(file: Chunks, passphrase: string): Chunks {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  let sourceError: unknown;
  const source = ReadableStream.from(
    watched(file, (err) => {
      sourceError = err;
    }),
  );
  try {
    yield* await decrypter.decrypt(source);
  } catch (err) {
    if (sourceError !== undefined) throw sourceError;
    throw translate(err);
  }
}

/** What goes wrong with the file itself is not the fault of what is in it. */
async function* watched(file: Chunks, onError: (err: unknown) => void): Chunks {
  try {
    yield* file;
  } catch (err) {
    onError(err);
    throw err;
  }
}

function translate(err: unknown): BrambleError {
  if (/no identity matched/.test(messageOf(err)))
    return new BrambleError('UNAUTHORIZED', 'this is not the password that the backup was sealed with', {
      cause: err,
    });
  return new BrambleError('INVALID', `this is no backup, or it was cut or changed: ${messageOf(err)}`, {
    cause: err,
  });
}
