import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type DownloadOptions, download } from '../../../../provision/image/download/download.ts';
import { openImage } from '../../../../provision/image/open-image.ts';
import { BrambleError } from '../../../../src/support/errors.ts';
import { duringTest } from '../../../support/during-test.ts';
import { startImageHost } from '../../../support/image-host.ts';
import { collect, damageFile, sha256Of, someImage } from '../../../support/packed-image.ts';
import { canMount, mountTmpfs } from '../../../support/tmpfs.ts';

const content = randomBytes(700_000);
const patience = { attempts: 3, minMs: 1, maxMs: 2, stallMs: 500 };

/** A cache, and the way to it. */
function newCache(cacheFolder = duringTest.folder()) {
  const { signal } = new AbortController();
  return {
    cacheFolder,
    get: (url: URL, options: Partial<DownloadOptions> = {}) =>
      download(url, { cacheFolder, sha256: undefined, signal, patience, ...options }),
    names: () => readdirSync(cacheFolder),
  };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (err) => err.code,
  );

describe('a download', () => {
  it('is kept under a name that tells what it is, without its remains', async () => {
    const [cache, host] = [newCache(), await startImageHost(content)];
    const { path, name, isVouched } = await cache.get(host.url);
    expect(readFileSync(path).equals(content)).toBe(true);
    expect([name, isVouched]).toEqual([host.url.href, false]);
    expect(cache.names().map((file) => file.replace(/^[0-9a-f]{16}/, '…'))).toEqual([
      '…-raspios.img.xz',
      '…-raspios.img.xz.json',
    ]);
  });

  it('tells how far it is', async () => {
    const [cache, host] = [newCache(), await startImageHost(content)];
    const seen: number[] = [];
    await cache.get(host.url, {
      onProgress: ({ receivedBytes, totalBytes }) => seen.push(receivedBytes / (totalBytes ?? 0)),
    });
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  });

  it('is not sent again while the server has the same version', async () => {
    const [cache, host] = [newCache(), await startImageHost(content)];
    const first = await cache.get(host.url);
    expect((await cache.get(host.url)).path).toBe(first.path);
    expect(host.requests.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"one"']);
    Object.assign(host, { content: randomBytes(300_000), etag: '"two"' });
    expect(readFileSync((await cache.get(host.url)).path).equals(host.content)).toBe(true);
  });

  it('needs no server once it has the SHA-256 that is wanted', async () => {
    const [cache, host] = [newCache(), await startImageHost(content)];
    await cache.get(host.url);
    await host.close();
    const again = await cache.get(host.url, { sha256: sha256Of(content).toUpperCase() });
    expect(again).toMatchObject({ isVouched: true, remarks: [] });
  });

  it('is used as it was, and says so, when the server cannot be reached', async () => {
    const [cache, host] = [newCache(), await startImageHost(content)];
    const { path } = await cache.get(host.url);
    await host.close();
    expect(await cache.get(host.url)).toMatchObject({
      path,
      remarks: [expect.stringContaining('cannot be reached')],
    });
    expect(await codeOf(cache.get(host.url, { sha256: sha256Of(randomBytes(1)) }))).toBe('UNREACHABLE');
    expect(await codeOf(newCache().get(host.url))).toBe('UNREACHABLE');
  });
});

describe('an interrupted download', () => {
  it('goes on where it was cut', async () => {
    const [cache, host] = [newCache(), await startImageHost(content)];
    host.mishaps.push({ kind: 'cut', afterBytes: 400_000 }, { kind: 'cut', afterBytes: 100_000 });
    expect(readFileSync((await cache.get(host.url)).path).equals(content)).toBe(true);
    expect(host.requests).toHaveLength(3);
    expect(host.requests.slice(1).map(({ headers }) => headers['if-range'])).toEqual(['"one"', '"one"']);
  });

  it('goes on when the command is given again', async () => {
    const [cache, host] = [newCache(), await startImageHost(content)];
    const abort = new AbortController();
    const reason = new BrambleError('CANCELLED', 'enough');
    host.mishaps.push({ kind: 'stall', afterBytes: 400_000 });
    const onProgress = ({ receivedBytes }: { receivedBytes: number }) => {
      if (receivedBytes === 400_000) abort.abort(reason);
    };
    await expect(cache.get(host.url, { signal: abort.signal, onProgress })).rejects.toBe(reason);
    expect(readFileSync((await cache.get(host.url)).path).equals(content)).toBe(true);
    expect(host.requests[1]?.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  it('starts over when the server has another version now', async () => {
    const [cache, host] = [newCache(), await startImageHost(content)];
    host.mishaps.push({ kind: 'cut', afterBytes: 400_000 });
    await codeOf(cache.get(host.url, { patience: { ...patience, attempts: 1 } }));
    Object.assign(host, { content: randomBytes(300_000), etag: '"two"' });
    expect(readFileSync((await cache.get(host.url)).path).equals(host.content)).toBe(true);
  });

  it('starts over when the server does not say which version it has', async () => {
    const [cache, host] = [newCache(), await startImageHost(content)];
    host.etag = undefined;
    host.mishaps.push({ kind: 'cut', afterBytes: 400_000 });
    expect(readFileSync((await cache.get(host.url)).path).equals(content)).toBe(true);
    expect(host.requests.map(({ headers }) => headers.range)).toEqual([undefined, undefined]);
  });

  it('starts over when there is more than the server has', async () => {
    const [cache, host] = [newCache(), await startImageHost(content)];
    host.mishaps.push({ kind: 'cut', afterBytes: 400_000 });
    await codeOf(cache.get(host.url, { patience: { ...patience, attempts: 1 } }));
    const part = cache.names().find((name) => name.endsWith('.part')) ?? '';
    writeFileSync(join(cache.cacheFolder, part), randomBytes(800_000));
    expect(readFileSync((await cache.get(host.url)).path).equals(content)).toBe(true);
  });

  it('ends at once when it is aborted before the server answers', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => void silent.close());
    const abort = new AbortController();
    const reason = new BrambleError('CANCELLED', 'enough');
    silent.once('connection', (socket) => {
      onTestFinished(() => void socket.destroy());
      abort.abort(reason);
    });
    const { port } = silent.address() as AddressInfo; // of TCP, as above
    const url = new URL(`http://127.0.0.1:${port}/x.img`);
    const patient = { ...patience, stallMs: 100_000 };
    await expect(newCache().get(url, { signal: abort.signal, patience: patient })).rejects.toBe(reason);
  });

  it('ends when the server sends nothing for too long', async () => {
    const [cache, host] = [newCache(), await startImageHost(content)];
    host.mishaps.push({ kind: 'stall', afterBytes: 400_000 });
    const only = { ...patience, attempts: 1 };
    await expect(cache.get(host.url, { patience: only })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('sent nothing'),
    });
  });
});

describe('the SHA-256 of a download', () => {
  it('is taken from the file beside it, and is enough to use the copy', async () => {
    const [cache, host] = [newCache(), await startImageHost(content)];
    host.sha256 = `${sha256Of(content)}  raspios.img.xz\n`;
    expect(await cache.get(host.url)).toMatchObject({ isVouched: true });
    expect(await cache.get(host.url)).toMatchObject({ isVouched: true });
    expect(host.requests).toHaveLength(1);
  });

  it.each(['configured', 'published'])('is compared before it gets its name: %s', async (kind) => {
    const [cache, host] = [newCache(), await startImageHost(content)];
    const wrong = sha256Of(randomBytes(1));
    if (kind === 'published') host.sha256 = wrong;
    const sha256 = kind === 'configured' ? wrong : undefined;
    expect(await codeOf(cache.get(host.url, { sha256 }))).toBe('IMAGE_BROKEN');
    expect(cache.names()).toEqual([]);
  });

  it('shows when the copy was damaged since: it is deleted and downloaded anew', async () => {
    const image = someImage();
    const host = await startImageHost(image, '/raspios.img');
    const cache = newCache();
    const { signal } = new AbortController();
    const options = { source: host.url.href, cacheFolder: cache.cacheFolder, signal };
    await openImage(options);
    damageFile(join(cache.cacheFolder, cache.names()[0] ?? ''));
    await expect(collect((await openImage(options)).chunks({ signal }))).rejects.toMatchObject({
      code: 'IMAGE_BROKEN',
      message: expect.stringContaining('deleted'),
    });
    expect(cache.names()).toEqual([]);
    expect((await collect((await openImage(options)).chunks({ signal }))).equals(image)).toBe(true);
  });
});

describe('a server', () => {
  it.each([
    [401, 'UNAUTHORIZED', 1],
    [403, 'UNAUTHORIZED', 1],
    [404, 'NOT_FOUND', 1],
    [400, 'INVALID', 1],
    [503, 'UNREACHABLE', 3],
  ])('that answers %d is %s, after %d attempts', async (status, code, attempts) => {
    const [cache, host] = [newCache(), await startImageHost(content)];
    for (let attempt = 0; attempt < 5; attempt += 1) host.mishaps.push({ kind: 'status', status });
    expect(await codeOf(cache.get(host.url))).toBe(code);
    expect(host.requests).toHaveLength(attempts);
  });

  it('gets the user and password of the address, which nobody else sees', async () => {
    const [cache, mirror, host] = [newCache(), await startImageHost(content), await startImageHost(content)];
    host.mishaps.push({ kind: 'status', status: 302, location: mirror.url.href });
    const url = new URL(host.url);
    url.username = 'me';
    url.password = 'p@ss';
    url.search = 'token=abc';
    const { name, path } = await cache.get(url);
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(name).toBe(host.url.href);
    const basic = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
    expect(host.requests[0]?.headers.authorization).toBe(basic);
    expect(mirror.requests[0]?.headers.authorization).toBeUndefined();
    await host.close();
    const { message } = await newCache()
      .get(url)
      .catch((err) => err);
    expect(message).not.toMatch(/p@ss|p%40ss|abc/);
  });

  it('that redirects in a circle is told', async () => {
    const [cache, host] = [newCache(), await startImageHost(content)];
    for (let attempt = 0; attempt < 30; attempt += 1)
      host.mishaps.push({ kind: 'status', status: 302, location: `${host.url.href}?${attempt}` });
    expect(await codeOf(cache.get(host.url))).toBe('INVALID');
  });

  it('is reached by a proxy where the environment names one', async () => {
    const [cache, host] = [newCache(), await startImageHost(content)];
    host.etag = undefined;
    proxyBy(host.url.host);
    const { path, name } = await cache.get(new URL('http://elsewhere.invalid/os/raspios.img.xz'));
    expect(readFileSync(path).equals(content)).toBe(true);
    expect([name, host.requests[0]?.headers.host]).toEqual([
      'http://elsewhere.invalid/os/raspios.img.xz',
      'elsewhere.invalid',
    ]);
  });

  it('that a proxy will not connect us to is told', async () => {
    const host = await startImageHost(content); // it knows no CONNECT, and hangs up
    proxyBy(host.url.host);
    const only = { ...patience, attempts: 1 };
    expect(await codeOf(newCache().get(new URL('https://elsewhere.invalid/x.img'), { patience: only }))).toBe(
      'UNREACHABLE',
    );
  });
});

function proxyBy(address: string): void {
  const names = ['http_proxy', 'https_proxy', 'no_proxy'] as const;
  const before = names.map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, {
    http_proxy: `http://${address}`,
    https_proxy: `http://${address}`,
    no_proxy: '',
  });
  onTestFinished(() => {
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  });
}

describe('a cache folder', () => {
  it('that cannot be made is told', async () => {
    const folder = duringTest.folder();
    writeFileSync(join(folder, 'file'), '');
    const host = await startImageHost(content);
    expect(await codeOf(newCache(join(folder, 'file', 'cache')).get(host.url))).toBe('DISK_FAILED');
  });

  it.skipIf(!canMount())(
    'that is full is told, and the rest comes when there is room (skipped where nothing may be mounted)',
    async () => {
      const { folder, unmount } = mountTmpfs(1);
      onTestFinished(unmount);
      const host = await startImageHost(content);
      writeFileSync(join(folder, 'other'), randomBytes(600_000));
      expect(await codeOf(newCache(folder).get(host.url))).toBe('DISK_FULL');
      writeFileSync(join(folder, 'other'), '');
      expect(readFileSync((await newCache(folder).get(host.url)).path).equals(content)).toBe(true);
      expect(host.requests[1]?.headers.range).toBeDefined();
    },
  );
});
