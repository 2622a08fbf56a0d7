import { createServer } from 'node:net';

/**
 * Below the ports that the kernel gives to outgoing connections (32768 to 60999), so that none of those takes it before the
 * test does; each of the test runner's processes has a range of its own.
 */
const rangeSize = 2500;
const firstPort = 10_000 + (Number(process.env.VITEST_POOL_ID ?? 0) % 8) * rangeSize;
let next = Math.floor(Math.random() * rangeSize);

/** A TCP port of 127.0.0.1 that nobody listens on now; never the same twice in a row. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < rangeSize; tries += 1) {
    const port = firstPort + (next++ % rangeSize);
    if (await isFree(port)) return port;
  }
  throw new Error('no port is free');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
