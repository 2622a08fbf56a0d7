// What every function speaks: HTTP on port 8080, `/_/health` and `/_/ready`, limits from its environment, and an orderly
// end. Standard output and standard error are left to the function.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

const lockFile = '/tmp/.lock';
/** Callers need about so long to hear that this replica goes; until then it takes what still comes. */
const lingerMs = 1_000;
/** Docker kills 10 s after SIGTERM. */
const drainMs = 8_000;
/** Longer than callers keep a connection that nobody uses, so that it is theirs to close it. */
const keepAliveMs = 75_000;
/** A limit of memory; the gateway's own is lower. */
const maxBodyBytes = 100 * 1024 * 1024;

/**
 * Serves until SIGTERM or SIGINT. `run(head, body, signal)` gives `{ status, headers, body }`; when it takes longer than
 * `exec_timeout`, or the caller hangs up, `signal` is aborted, and `late` is the answer.
 */
export function serve({ run, late }, env = process.env) {
  const execTimeoutMs = readDuration(env, 'exec_timeout', 30_000);
  const readTimeoutMs = readDuration(env, 'read_timeout', execTimeoutMs);
  const writeTimeoutMs = readDuration(env, 'write_timeout', execTimeoutMs);
  const maxInflight = readCount(env, 'max_inflight');
  let inFlight = 0;
  let isStopping = false;

  const server = createServer(
    { requestTimeout: readTimeoutMs, keepAliveTimeout: keepAliveMs, connectionsCheckingInterval: 1_000 },
    (request, response) => {
      if (request.url === '/_/health') return answerHealth(response, !isStopping);
      if (request.url === '/_/ready') return answerHealth(response, !isStopping && !isFull());
      if (isFull()) return sendText(response, 429, tooMany(maxInflight));
      inFlight += 1;
      void answer(request, response).finally(() => {
        inFlight -= 1;
      });
    },
  );

  async function answer(request, response) {
    const startedMs = performance.now();
    const ending = new AbortController();
    response.once('close', () => ending.abort());
    const result = await readBody(request)
      .then((body) => withinLimit(run(toHead(request), body, ending.signal), ending))
      .catch(toFailure);
    if (response.destroyed) return;
    response.setHeader('x-duration-seconds', ((performance.now() - startedMs) / 1000).toFixed(6));
    if (isStopping) response.setHeader('connection', 'close'); // else the caller's idle connection would keep us
    if (writeTimeoutMs > 0) limitWriting(response);
    send(response, result);
  }

  function withinLimit(running, ending) {
    if (execTimeoutMs === 0) return running;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        ending.abort();
        resolve(textAnswer(late.status, late.text));
      }, execTimeoutMs);
      running.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }

  function limitWriting(response) {
    const timer = setTimeout(() => response.destroy(), writeTimeoutMs);
    response.once('close', () => clearTimeout(timer));
  }

  function isFull() {
    return maxInflight > 0 && inFlight >= maxInflight;
  }

  function stop() {
    if (isStopping) process.exit(1);
    isStopping = true;
    rmSync(lockFile, { force: true });
    setTimeout(() => server.close(() => process.exit(0)), lingerMs);
    setTimeout(() => process.exit(1), drainMs);
  }

  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  if (env.state_dir) mkdirSync(env.state_dir, { recursive: true });
  server.listen(Number(env.port || 8080), () => {
    if (env.suppress_lock !== 'true') writeFileSync(lockFile, '');
    console.error(`serving on port ${server.address().port}`);
  });
}

function readBody(request) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    let bytes = 0;
    request.on('data', (chunk) => {
      bytes += chunk.length;
      if (bytes > maxBodyBytes) reject(new Refusal(413, `The body has more than ${maxBodyBytes} bytes.\n`));
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    request.on('error', () => reject(new Refusal(400, 'The body was not received.\n')));
  });
}

/** A request that is answered without asking the function. */
class Refusal extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

function toHead({ method, url, headers }) {
  const at = url.indexOf('?');
  return at === -1
    ? { method, path: url, query: '', headers }
    : { method, path: url.slice(0, at), query: url.slice(at + 1), headers };
}

function toFailure(err) {
  if (err instanceof Refusal) return textAnswer(err.status, err.message);
  console.error(err);
  return textAnswer(500, `${err}\n`);
}

/** Where one message ends and the next begins is ours to say. */
const notTheFunctions = new Set(['connection', 'content-length', 'keep-alive', 'transfer-encoding']);

function send(response, { status, headers, body }) {
  try {
    for (const [name, value] of Object.entries(headers))
      if (!notTheFunctions.has(name)) response.setHeader(name, value);
    response.writeHead(status).end(body);
  } catch (err) {
    console.error(err); // a status or a header that HTTP cannot carry
    for (const name of Object.keys(headers)) response.removeHeader(name);
    sendText(response, 500, `${err}\n`);
  }
}

function answerHealth(response, isWell) {
  sendText(response, isWell ? 200 : 503, isWell ? 'OK' : 'Not ready');
}

function sendText(response, status, text) {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
}

function textAnswer(status, text) {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: text };
}

function tooMany(maxInflight) {
  return `Concurrent request limit exceeded. Max concurrent requests: ${maxInflight}\n`;
}

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `1m30s` as Go writes it, or seconds. 0 is no limit. */
function readDuration(env, name, otherwiseMs) {
  const text = env[name];
  if (!text) return otherwiseMs;
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) throw unusable(name, text, 'a duration such as 30s or 1m30s');
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g);
  return Math.ceil([...parts].reduce((sum, [, count, unit]) => sum + Number(count) * unitMs[unit], 0));
}

function readCount(env, name) {
  const text = env[name] || '0';
  if (!/^\d+$/.test(text)) throw unusable(name, text, 'a whole number');
  return Number(text);
}

function unusable(name, text, wanted) {
  return new Error(`${name} must be ${wanted}, not ${text}`);
}
