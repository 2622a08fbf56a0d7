// One process per request: body on standard input, request in the environment, answer from standard output.
import { spawn } from 'node:child_process';
import { buffer } from 'node:stream/consumers';

const methods = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);
const running = new Set();
process.on('exit', () => {
  for (const child of running) endGroup(child);
});

export function createFork(fprocess, env) {
  const [program, ...args] = fprocess.split(' ');
  const isCombined = env.combine_output === 'true';

  async function run(head, body, signal) {
    if (!methods.has(head.method)) return text(405, `${head.method} is not allowed\n`);
    const child = spawn(program, args, {
      env: { ...env, ...(env.cgi_headers === 'false' ? {} : requestEnvironment(head)) },
      stdio: ['pipe', 'pipe', isCombined ? 'pipe' : 'inherit'],
      detached: true, // a group of its own, that ends as a whole
    });
    running.add(child);
    signal.addEventListener('abort', () => {
      if (running.has(child)) endGroup(child);
    });
    child.stdin.on('error', () => {}); // it need not read its input
    child.stdin.end(body);
    const outputs = [child.stdout, ...(isCombined ? [child.stderr] : [])];
    const [status, ...texts] = await Promise.all([exitOf(child), ...outputs.map((output) => buffer(output))]);
    const output = Buffer.concat(texts);
    if (status !== 'exit status 0') return text(500, Buffer.concat([Buffer.from(`${status}\n`), output]));
    const contentType = env.content_type || head.headers['content-type'] || sniff(output);
    return { status: 200, headers: { 'content-type': contentType }, body: output };
  }

  return { run, late: { status: 408, text: 'Killed process.\n' } };
}

function exitOf(child) {
  return new Promise((resolve, reject) => {
    child.once('error', (err) => {
      running.delete(child);
      reject(err);
    });
    child.once('exit', (code, signal) => {
      running.delete(child);
      resolve(signal === null ? `exit status ${code}` : `signal: ${signal}`);
    });
  });
}

function endGroup({ pid }) {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (err) {
    if (err.code !== 'ESRCH') throw err; // it has ended already
  }
}

/** `x-call-id` becomes `Http_X_Call_Id`; of a repeated header the first value only. */
function requestEnvironment({ method, path, query, headers }) {
  const length = headers['content-length'] ?? (headers['transfer-encoding'] ? '-1' : '0');
  const variables = {};
  for (const [name, value] of Object.entries(headers))
    variables[`Http_${canonical(name).replaceAll('-', '_')}`] = Array.isArray(value) ? value[0] : value;
  if (query !== '') variables.Http_Query = query;
  return {
    ...variables,
    Http_Method: method,
    Http_Path: path,
    Http_ContentLength: length,
    Http_Content_Length: length,
  };
}

/** As Go writes header names: `x-call-id` is `X-Call-Id`. */
function canonical(name) {
  return name.replace(/(^|-)([a-z])/g, (_, dash, letter) => dash + letter.toUpperCase());
}

function text(status, body) {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body };
}

function sniff(output) {
  try {
    const isText = !new TextDecoder('utf-8', { fatal: true }).decode(output).includes('\0');
    if (isText) return 'text/plain; charset=utf-8';
  } catch {
    // not UTF-8, so not text
  }
  return 'application/octet-stream';
}
