// Runs a handler written for OpenFaaS's Node.js template, request after request, in one warm process.
//
//   export default async (event, context) => ({ hello: event.body })      or      module.exports = async (event, context) => …
//
// The agent speaks frames on file descriptor 3: two lengths (32 bit, big-endian), a JSON head, the body. Standard output
// and standard error are the function's log. The end of descriptor 3 is the end of the agent, and of this process.
import { existsSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const prefixBytes = 8;
const socket = new Socket({ fd: 3, readable: true, writable: true });
const handle = await loadHandler(process.cwd());

let chunks = [];
let bytes = 0;
let wantedBytes = prefixBytes;
socket.on('data', receive);
socket.on('end', () => process.exit(0));
socket.on('error', () => process.exit(0));
send({ ready: true }, Buffer.alloc(0));

function receive(chunk) {
  chunks.push(chunk);
  bytes += chunk.length;
  if (bytes < wantedBytes) return;
  const all = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
  chunks = [all];
  const bodyStart = prefixBytes + all.readUInt32BE(0);
  wantedBytes = bodyStart + all.readUInt32BE(4);
  if (bytes < wantedBytes) return;
  const head = JSON.parse(all.toString('utf8', prefixBytes, bodyStart));
  const body = all.subarray(bodyStart, wantedBytes);
  // The next request comes only after this answer, so nothing is left over.
  chunks = [];
  bytes = 0;
  wantedBytes = prefixBytes;
  void answer(head, body);
}

async function answer(head, body) {
  const context = new Context();
  let result;
  try {
    result = await handle(toEvent(head, body), context);
  } catch (err) {
    console.error(err);
    context.fail(err);
  }
  const value = context.isSettled ? context.value : result;
  try {
    sendValue(value, context);
  } catch (err) {
    console.error(err);
    sendValue(String(err), new Context().status(500));
  }
}

function sendValue(value, context) {
  const isResponse = value !== null && typeof value === 'object' && Number.isInteger(value.statusCode);
  const { body, contentType } = encode(isResponse ? value.body : value);
  const headers = { 'content-type': contentType };
  for (const [name, one] of Object.entries({ ...context.headerValues, ...(isResponse ? value.headers : {}) }))
    headers[name.toLowerCase()] = one;
  send({ status: isResponse ? value.statusCode : context.statusCode, headers }, body);
}

function encode(value) {
  if (value === undefined || value === null)
    return { body: Buffer.alloc(0), contentType: 'text/plain; charset=utf-8' };
  if (value instanceof Uint8Array) return { body: value, contentType: 'application/octet-stream' };
  if (typeof value === 'string')
    return { body: Buffer.from(value), contentType: 'text/plain; charset=utf-8' };
  return { body: Buffer.from(JSON.stringify(value)), contentType: 'application/json' };
}

function send(head, body) {
  const text = JSON.stringify(head);
  const headBytes = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(prefixBytes + headBytes + body.length);
  frame.writeUInt32BE(headBytes, 0);
  frame.writeUInt32BE(body.length, 4);
  frame.write(text, prefixBytes);
  frame.set(body, prefixBytes + headBytes);
  socket.write(frame);
}

/** What a handler may answer with beside its return value. */
class Context {
  statusCode = 200;
  headerValues = {};
  isSettled = false;
  value = undefined;

  status(code) {
    if (code === undefined) return this.statusCode;
    this.statusCode = code;
    return this;
  }

  headers(values) {
    if (values === undefined) return this.headerValues;
    this.headerValues = values;
    return this;
  }

  succeed(value) {
    this.isSettled = true;
    this.value = value;
    return this;
  }

  fail(err) {
    this.isSettled = true;
    this.value = String(err);
    if (this.statusCode < 400) this.statusCode = 500;
    return this;
  }
}

function toEvent({ method, path, query, headers }, body) {
  return {
    method,
    path,
    headers,
    query: Object.fromEntries(new URLSearchParams(query)),
    body: toBody(body, headers['content-type']),
  };
}

/** JSON parsed, text as a string, anything else as a Buffer; RAW_BODY=true leaves all as a Buffer. */
function toBody(body, contentType = '') {
  if (process.env.RAW_BODY === 'true') return body;
  if (/^application\/([\w.-]+\+)?json\b/.test(contentType)) {
    try {
      return JSON.parse(body.toString());
    } catch {
      return body.toString();
    }
  }
  const isText = contentType === '' || /^text\/|^application\/x-www-form-urlencoded\b/.test(contentType);
  return isText && isUtf8(body) ? body.toString() : body;
}

function isUtf8(body) {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(body);
    return true;
  } catch {
    return false;
  }
}

async function loadHandler(folder) {
  const file = findHandler(folder);
  const loaded = await import(pathToFileURL(file).href);
  // A CommonJS module, also one that was compiled from ES modules, has its exports one level deeper.
  for (const candidate of [loaded.default, loaded.default?.default, loaded.handler])
    if (typeof candidate === 'function') return candidate;
  throw new Error(
    `${file} must export a function: export default (event, context) => …, or module.exports = …`,
  );
}

function findHandler(folder) {
  const names = [
    'handler.mjs',
    'handler.js',
    'handler.cjs',
    mainOf(folder),
    'index.mjs',
    'index.js',
    'index.cjs',
  ];
  const found = names
    .filter((name) => name !== undefined)
    .map((name) => resolve(folder, name))
    .find(existsSync);
  if (found === undefined) throw new Error(`there is no handler.mjs, handler.js or index.js in ${folder}`);
  return found;
}

function mainOf(folder) {
  const file = resolve(folder, 'package.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).main : undefined;
}
