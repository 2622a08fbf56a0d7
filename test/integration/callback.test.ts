import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { postCallback } from '../../src/triggers/delivery/callback.undici.ts';

interface Received {
  readonly method: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

let server: Server;
let url: string;
let received: Received[];

beforeEach(async () => {
  received = [];
  server = createServer(async (request, response) => {
    if (request.url === '/hang') return;
    received.push({ method: request.method, headers: request.headers, body: await text(request) });
    response.writeHead(request.url === '/moved' ? 302 : 201, { location: '/elsewhere' }).end('ignored');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // listens on TCP, so it is no string
  url = `http://127.0.0.1:${port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const signal = new AbortController().signal;
const body = Buffer.from('done');

test('posts headers and body, and resolves to the status', async () => {
  const headers = { 'x-function-status': '200', 'set-cookie': ['a=1', 'b=2'] };
  expect(await postCallback({ url: `${url}/back`, headers, body }, { signal })).toBe(201);
  expect(received).toMatchObject([{ method: 'POST', body: 'done', headers: { 'x-function-status': '200' } }]);
});

test('does not follow a redirect', async () => {
  expect(await postCallback({ url: `${url}/moved`, headers: {}, body }, { signal })).toBe(302);
  expect(received.length).toBe(1);
});

test('rejects UNREACHABLE when nobody listens', async () => {
  await new Promise((resolve) => server.close(resolve));
  await expect(postCallback({ url, headers: {}, body }, { signal })).rejects.toMatchObject({
    code: 'UNREACHABLE',
  });
});

test('can be interrupted', async () => {
  const giveUp = new AbortController();
  const posting = postCallback({ url: `${url}/hang`, headers: {}, body }, { signal: giveUp.signal });
  giveUp.abort();
  await expect(posting).rejects.toMatchObject({ code: 'UNREACHABLE' });
});
