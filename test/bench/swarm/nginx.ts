import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../support/ports.ts';
import { processesBelow } from '../../support/processes.ts';
import { until } from '../../support/wait.ts';
import type { Place } from './place.ts';

/** Debian's nginx as a proxy. */
export interface Nginx {
  /** From inside of its place. */
  readonly url: string;
  /** Its master and its worker. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/**
 * One worker, as the agent is one process; keep-alive on both sides (idle ones shorter than the 5 s after which Node.js
 * closes them); nothing logged.
 */
export async function startNginx({ inside, address }: Place, upstreams: readonly string[]): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-nginx-'));
  const port = await freePort();
  const file = join(folder, 'nginx.conf');
  await writeFile(file, configuration(folder, port, upstreams));
  const [program, ...args] = [...inside, 'nginx', '-e', 'stderr', '-c', file];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const exited = once(child, 'exit').catch((cause) => {
    throw new Error('nginx is missing; install it: apt-get install nginx-light', { cause });
  });
  const answers = () =>
    fetch(`http://${address}:${port}/`, { method: 'POST', body: 'x' }).then(
      ({ ok }) => ok,
      () => false,
    );
  await Promise.race([until('nginx answers', answers), exited]);
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null) throw new Error('nginx did not start');
  return {
    url: `http://127.0.0.1:${port}/`,
    pids: [pid, ...processesBelow(pid)],
    async stop() {
      child.kill('SIGTERM');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configuration(folder: string, port: number, upstreams: readonly string[]): string {
  const noLimit = 1_000_000_000;
  return `
    daemon off;
    user root;
    worker_processes 1;
    pid ${folder}/nginx.pid;
    error_log stderr warn;
    events { worker_connections 4096; }
    http {
      access_log off;
      upstream function {
        ${upstreams.map((address) => `server ${address} max_fails=0;`).join(' ')}
        keepalive 256;
        keepalive_requests ${noLimit};
        keepalive_timeout 2s;
      }
      server {
        listen ${port};
        keepalive_requests ${noLimit};
        location / {
          proxy_pass http://function;
          proxy_http_version 1.1;
          proxy_set_header Connection "";
        }
      }
    }
  `;
}
