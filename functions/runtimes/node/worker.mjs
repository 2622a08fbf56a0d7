// Runs a handler, request after request, in one warm process.
//
// The agent speaks frames on file descriptor 3: two lengths (32 bit, big-endian), a JSON head, the body. Standard output
// and standard error are the function's log. The end of descriptor 3 is the end of the agent, and of this process.
import { Socket } from 'node:net';
import { call, loadHandler } from './handler.mjs';

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
  const { status, headers, body: answerBody } = await call(handle, head, body);
  send({ status, headers }, answerBody);
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
