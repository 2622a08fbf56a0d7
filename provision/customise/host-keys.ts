import { generateKeyPairSync, randomBytes } from 'node:crypto';

/** An SSH host key, ed25519. */
export interface HostKey {
  /** OpenSSH's private key file, not encrypted, ending in a newline. */
  readonly privateKey: string;
  /** `ssh-ed25519 AAAA… pi-01`, without a newline. */
  readonly publicKey: string;
}

const keyType = 'ssh-ed25519';
/** Of a cipher that is none (OpenSSH's PROTOCOL.key, section 3). */
const blockBytes = 8;
const charactersInLine = 70;

/**
 * A new host key for a node. It is made for one flash and kept nowhere but on the card: who flashes again pins the new one,
 * and no project folder can give a node's identity away.
 */
export function makeHostKey(hostName: string): HostKey {
  const { x = '', d = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const publicPart = Buffer.from(x, 'base64url');
  const publicKey = Buffer.concat([chunk(keyType), chunk(publicPart)]);
  return {
    privateKey: encodePrivateKey(publicKey, publicPart, Buffer.from(d, 'base64url'), hostName),
    publicKey: `${keyType} ${publicKey.toString('base64')} ${hostName}`,
  };
}

/** As OpenSSH's PROTOCOL.key, sections 1 to 3, has it, without encryption. */
function encodePrivateKey(publicKey: Buffer, publicPart: Buffer, seed: Buffer, comment: string): string {
  const check = randomBytes(4);
  const secret = Buffer.concat([
    ...[check, check, chunk(keyType), chunk(publicPart)],
    ...[chunk(Buffer.concat([seed, publicPart])), chunk(comment)],
  ]);
  const padding = Buffer.from(Array.from({ length: -secret.length & (blockBytes - 1) }, (_, i) => i + 1));
  const file = Buffer.concat([
    ...[Buffer.from('openssh-key-v1\0'), chunk('none'), chunk('none'), chunk('')],
    ...[uint32(1), chunk(publicKey), chunk(Buffer.concat([secret, padding]))],
  ]);
  const lines = file.toString('base64').match(new RegExp(`.{1,${charactersInLine}}`, 'g')) ?? [];
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join(
    '\n',
  );
}

/** What SSH calls a string: its length, and its bytes (RFC 4251, section 5). */
function chunk(content: string | Buffer): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
