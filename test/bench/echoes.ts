import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FunctionSpec } from '../../src/functions/spec.ts';

/** Makes a folder with the same function, which answers with what it is sent, in each language and way to run it, and `post.lua` for wrk. */
export async function writeEchoes(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-bench-'));
  await writeFile(join(folder, 'handler.mjs'), 'export default async ({ body }) => body;\n');
  await writeFile(join(folder, 'handler.py'), 'def handle(event, context):\n    return event.body\n');
  await writeFile(
    join(folder, 'server.mjs'),
    "import { createServer } from 'node:http';\n" +
      'createServer((request, response) => {\n' +
      '  const chunks = [];\n' +
      "  request.on('data', (chunk) => chunks.push(chunk)).on('end', () => {\n" +
      '    const body = Buffer.concat(chunks);\n' +
      "    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': body.length });\n" +
      '    response.end(body);\n' +
      '  });\n' +
      "}).listen(process.env.PORT, process.env.HOST ?? '127.0.0.1');\n" +
      // As process 1 of a container it would otherwise not hear it.
      "process.on('SIGTERM', () => process.exit());\n",
  );
  await writeFile(
    join(folder, 'post.lua'),
    `wrk.method = 'POST'\nwrk.headers['content-type'] = 'text/plain'\nwrk.body = '${'x'.repeat(100)}'\n`,
  );
  return folder;
}

/** The ways to run it: name → what is deployed. */
export function echoSpecs(folder: string): Record<string, FunctionSpec> {
  const place = { 'bramble.handler': folder };
  return {
    'framed Node.js': { service: 'node', image: 'x', annotations: { ...place, 'bramble.lang': 'node' } },
    'framed Python': { service: 'python', image: 'x', annotations: { ...place, 'bramble.lang': 'python' } },
    'mode: http': {
      service: 'http',
      image: 'x',
      envProcess: `${process.execPath} server.mjs`,
      envVars: { mode: 'http' },
      annotations: place,
    },
    'fork (cat)': { service: 'fork', image: 'x', envProcess: 'cat', annotations: place },
  };
}
