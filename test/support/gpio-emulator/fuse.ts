import { read, writeSync } from 'node:fs';
import { constants } from 'node:os';
import type { Entry, OpenFile, Tree } from './file-tree.ts';
import {
  attrReply,
  concatWithin,
  entryReply,
  inHeaderBytes,
  initReply,
  maxWriteBytes,
  message,
  notifyPoll,
  numberReply,
  op,
  openReply,
  pollIdle,
  pollPending,
  renderDirent,
  scheduleNotify,
} from './fuse-messages.ts';
import { KernelError } from './kernel-error.ts';

interface Request {
  readonly opcode: number;
  readonly unique: bigint;
  readonly nodeId: bigint;
  /** What follows the header. */
  readonly body: Buffer;
}

interface Handle {
  readonly file: OpenFile;
  endWatch: () => void;
}

/** Serves a tree to the kernel through an open `/dev/fuse`. Nothing is cached, so files may come and go. */
export class FuseServer {
  readonly #fd: number;
  readonly #tree: Tree;
  readonly #pathById = new Map<bigint, string>([[1n, '']]);
  readonly #idByPath = new Map<string, bigint>([['', 1n]]);
  readonly #handles = new Map<bigint, Handle>();
  #lastHandle = 0n;

  constructor(fd: number, tree: Tree) {
    this.#fd = fd;
    this.#tree = tree;
  }

  /** Resolves when the tree is unmounted. */
  async serve(): Promise<void> {
    const buffer = Buffer.alloc(maxWriteBytes + 4_096);
    for (;;) {
      const size = await this.#receive(buffer);
      if (size === undefined) return;
      this.#answer({
        opcode: buffer.readUInt32LE(4),
        unique: buffer.readBigUInt64LE(8),
        nodeId: buffer.readBigUInt64LE(16),
        body: buffer.subarray(inHeaderBytes, size),
      });
    }
  }

  /** `undefined` at the end; 0 bytes never come. A request that was interrupted meanwhile shows as ENOENT. */
  async #receive(buffer: Buffer): Promise<number | undefined> {
    for (;;) {
      const { err, size } = await new Promise<{ err: NodeJS.ErrnoException | null; size: number }>(
        (resolve) => {
          read(this.#fd, buffer, 0, buffer.length, null, (err, size) => resolve({ err, size }));
        },
      );
      if (err === null) return size;
      if (!['EINTR', 'EAGAIN', 'ENOENT'].includes(err.code ?? '')) return undefined;
    }
  }

  #answer(request: Request): void {
    if ([op.forget, op.batchForget, op.interrupt].some((silent) => silent === request.opcode)) return;
    try {
      this.#reply(request.unique, 0, this.#perform(request));
    } catch (err) {
      if (!(err instanceof KernelError)) throw err;
      this.#reply(request.unique, -err.errno, Buffer.alloc(0));
    }
  }

  #perform({ opcode, nodeId, body }: Request): Buffer {
    const path = this.#pathById.get(nodeId) ?? '';
    switch (opcode) {
      case op.init:
        return initReply();
      case op.lookup:
        return this.#lookup(path, body);
      case op.getattr:
      case op.setattr:
        return attrReply(this.#require(path), nodeId);
      case op.open:
        return this.#open(path);
      case op.opendir:
        return openReply(0n);
      case op.readdir:
        return this.#readFolder(path, nodeId, body);
      case op.read:
        return this.#read(body);
      case op.write:
        return this.#write(body);
      case op.poll:
        return this.#poll(body);
      case op.release:
        this.#release(body.readBigUInt64LE(0));
        return Buffer.alloc(0);
      case op.statfs:
        return Buffer.alloc(80);
      case op.releasedir:
      case op.destroy:
        return Buffer.alloc(0);
      default:
        throw new KernelError('ENOSYS');
    }
  }

  #require(path: string): Entry {
    const entry = this.#tree.find(path);
    if (entry === undefined) throw new KernelError('ENOENT');
    return entry;
  }

  #lookup(folder: string, body: Buffer): Buffer {
    const name = body.toString('utf8', 0, body.indexOf(0));
    const path = join(folder, name);
    return entryReply(this.#require(path), this.#idOf(path));
  }

  #idOf(path: string): bigint {
    const known = this.#idByPath.get(path);
    if (known !== undefined) return known;
    const id = BigInt(this.#idByPath.size + 1);
    this.#idByPath.set(path, id);
    this.#pathById.set(id, path);
    return id;
  }

  #open(path: string): Buffer {
    const entry = this.#require(path);
    if ('names' in entry) throw new KernelError('EISDIR');
    this.#lastHandle += 1n;
    this.#handles.set(this.#lastHandle, { file: entry.open(), endWatch: () => {} });
    return openReply(this.#lastHandle);
  }

  #handle(id: bigint): Handle {
    const handle = this.#handles.get(id);
    if (handle === undefined) throw new KernelError('EBADF');
    return handle;
  }

  #read(body: Buffer): Buffer {
    const text = `${this.#handle(body.readBigUInt64LE(0)).file.read()}\n`;
    const offset = Number(body.readBigUInt64LE(8));
    return Buffer.from(text).subarray(offset, offset + body.readUInt32LE(16));
  }

  #write(body: Buffer): Buffer {
    const size = body.readUInt32LE(16);
    this.#handle(body.readBigUInt64LE(0)).file.write(body.toString('utf8', 40, 40 + size).trim());
    return numberReply(size);
  }

  /** The kernel asks once, and again each time after we notify it. */
  #poll(body: Buffer): Buffer {
    const handle = this.#handle(body.readBigUInt64LE(0));
    const kernelHandle = body.readBigUInt64LE(8);
    const { poll } = handle.file;
    if (poll !== undefined && (body.readUInt32LE(16) & scheduleNotify) !== 0) {
      handle.endWatch();
      handle.endWatch = poll.onPending(() => this.#notify(kernelHandle));
    }
    return numberReply(poll?.isPending() ? pollPending : pollIdle);
  }

  #release(id: bigint): void {
    this.#handles.get(id)?.endWatch();
    this.#handles.delete(id);
  }

  #readFolder(path: string, nodeId: bigint, body: Buffer): Buffer {
    const entry = this.#require(path);
    if (!('names' in entry)) throw new KernelError('ENOTDIR');
    const first = Number(body.readBigUInt64LE(8));
    const maxBytes = body.readUInt32LE(16);
    const entries = ['.', '..', ...entry.names].map((name, i) => {
      const child = i < 2 ? '' : join(path, name);
      const isFolder = i < 2 || 'names' in (this.#tree.find(child) ?? {});
      return renderDirent(name, i + 1, i < 2 ? nodeId : this.#idOf(child), isFolder);
    });
    return concatWithin(entries.slice(first), maxBytes);
  }

  #notify(kernelHandle: bigint): void {
    const body = Buffer.alloc(8);
    body.writeBigUInt64LE(kernelHandle, 0);
    this.#reply(0n, notifyPoll, body);
  }

  /** ENOENT: the caller of that request is gone. */
  #reply(unique: bigint, error: number, body: Buffer): void {
    try {
      writeSync(this.#fd, message(unique, error, body));
    } catch (err) {
      const isGone = err instanceof Error && 'errno' in err && err.errno === -constants.errno.ENOENT;
      if (!isGone) throw err;
    }
  }
}

function join(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}
