// Calls a handler written for OpenFaaS's Node.js template:
//
//   export default async (event, context) => ({ hello: event.body })      or      module.exports = async (event, context) => …
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Never rejects: what the handler throws is in the log, and the answer is a 500. */
export async function call(handle, head, body) {
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
    return toAnswer(value, context);
  } catch (err) {
    console.error(err);
    return toAnswer(String(err), new Context().status(500));
  }
}

function toAnswer(value, context) {
  const isResponse = value !== null && typeof value === 'object' && Number.isInteger(value.statusCode);
  const { body, contentType } = encode(isResponse ? value.body : value);
  const headers = { 'content-type': contentType };
  for (const [name, one] of Object.entries({ ...context.headerValues, ...(isResponse ? value.headers : {}) }))
    headers[name.toLowerCase()] = one;
  return { status: isResponse ? value.statusCode : context.statusCode, headers, body };
}

function encode(value) {
  if (value === undefined || value === null)
    return { body: Buffer.alloc(0), contentType: 'text/plain; charset=utf-8' };
  if (value instanceof Uint8Array) return { body: value, contentType: 'application/octet-stream' };
  if (typeof value === 'string')
    return { body: Buffer.from(value), contentType: 'text/plain; charset=utf-8' };
  return { body: Buffer.from(JSON.stringify(value)), contentType: 'application/json' };
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

/** The function that the handler file in `folder` exports. */
export async function loadHandler(folder) {
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
