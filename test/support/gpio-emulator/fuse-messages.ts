import type { Entry } from './file-tree.ts';

/** Numbers of the kernel's FUSE protocol. https://github.com/torvalds/linux/blob/master/include/uapi/linux/fuse.h */
const protocol = { major: 7, minor: 31 };
export const op = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  interrupt: 36,
  destroy: 38,
  poll: 40,
  batchForget: 42,
} as const;
export const notifyPoll = 1;
export const scheduleNotify = 1;
/** No page cache: each read asks us. */
const directIo = 1;
export const inHeaderBytes = 40;
const outHeaderBytes = 16;
const attrBytes = 88;
export const maxWriteBytes = 65_536;
const folder = 0o040000;
const regularFile = 0o100000;
/** Group `gpio` of Raspberry Pi OS, whose udev rules let it do what root may, and nobody else anything. */
const group = 997;
const direntFolder = 4;
const direntFile = 8;
/** IN and OUT, as every file of the kernel's sysfs answers; PRI and ERR once there is something new in it. */
export const pollIdle = 0x001 | 0x004;
export const pollPending = pollIdle | 0x002 | 0x008;

/** An answer to the request with that number, or with 0 a notification. */
export function message(unique: bigint, error: number, body: Buffer): Buffer {
  const header = Buffer.alloc(outHeaderBytes);
  header.writeUInt32LE(outHeaderBytes + body.length, 0);
  header.writeInt32LE(error, 4);
  header.writeBigUInt64LE(unique, 8);
  return Buffer.concat([header, body]);
}

export function initReply(): Buffer {
  const reply = Buffer.alloc(64);
  reply.writeUInt32LE(protocol.major, 0);
  reply.writeUInt32LE(protocol.minor, 4);
  reply.writeUInt32LE(maxWriteBytes, 20);
  return reply;
}

export function entryReply(entry: Entry, id: bigint): Buffer {
  const reply = Buffer.alloc(40 + attrBytes);
  reply.writeBigUInt64LE(id, 0);
  writeAttr(reply, 40, entry, id);
  return reply;
}

export function attrReply(entry: Entry, id: bigint): Buffer {
  const reply = Buffer.alloc(16 + attrBytes);
  writeAttr(reply, 16, entry, id);
  return reply;
}

function writeAttr(buffer: Buffer, at: number, entry: Entry, id: bigint): void {
  buffer.writeBigUInt64LE(id, at);
  buffer.writeUInt32LE('names' in entry ? folder | shared(0o700) : regularFile | shared(entry.mode), at + 60);
  buffer.writeUInt32LE(1, at + 64);
  buffer.writeUInt32LE(group, at + 72);
}

function shared(mode: number): number {
  const owner = mode & 0o700;
  return owner | (owner >> 3);
}

export function openReply(handle: bigint): Buffer {
  const reply = Buffer.alloc(16);
  reply.writeBigUInt64LE(handle, 0);
  reply.writeUInt32LE(directIo, 8);
  return reply;
}

export function numberReply(value: number): Buffer {
  const reply = Buffer.alloc(8);
  reply.writeUInt32LE(value, 0);
  return reply;
}

export function renderDirent(name: string, nextOffset: number, id: bigint, isFolder: boolean): Buffer {
  const text = Buffer.from(name);
  const dirent = Buffer.alloc(Math.ceil((24 + text.length) / 8) * 8);
  dirent.writeBigUInt64LE(id, 0);
  dirent.writeBigUInt64LE(BigInt(nextOffset), 8);
  dirent.writeUInt32LE(text.length, 16);
  dirent.writeUInt32LE(isFolder ? direntFolder : direntFile, 20);
  text.copy(dirent, 24);
  return dirent;
}

export function concatWithin(parts: readonly Buffer[], maxBytes: number): Buffer {
  let bytes = 0;
  const fitting = parts.filter((part) => {
    bytes += part.length;
    return bytes <= maxBytes;
  });
  return Buffer.concat(fitting);
}
