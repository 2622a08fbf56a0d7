// What the probe function does, the same in each language and mode: /echo, /slow?seconds, /hang (with a child), /crash,
// /env?NAME, /secret?name, /log?text, /pid.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export async function probe(path, query, body) {
  switch (path) {
    case '/echo':
      return body;
    case '/slow':
      await sleep(Number(query) * 1000);
      return Buffer.from('slept');
    case '/hang':
      spawn('sleep', ['1000'], { stdio: 'ignore' });
      for (;;);
    case '/crash':
      console.error('about to crash');
      process.exit(3);
      break;
    case '/env':
      return Buffer.from(process.env[query] ?? '');
    case '/secret':
      return readFileSync(join(process.env.secret_mount_path ?? '/var/openfaas/secrets', query));
    case '/log':
      console.log(decodeURIComponent(query));
      return Buffer.from('logged');
    case '/pid':
      return Buffer.from(String(process.pid));
    default:
      throw new Error(`no such probe: ${path}`);
  }
}
