import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GatewayOptions } from '../../src/gateway/ports.ts';
import { Gateway } from '../../src/gateway/server.ts';
import { runBuiltCli, startCli } from '../support/built-cli.ts';
import { fakeParts } from '../support/gateway.ts';

const forever = new AbortController().signal;

let parts: ReturnType<typeof fakeParts>;
let gateway: Gateway;
let handle: GatewayOptions['invoke'];
let folder: string;
let env: Record<string, string>;
beforeEach(async () => {
  parts = fakeParts();
  handle = parts.options.invoke;
  gateway = new Gateway({ ...parts.options, invoke: (...args) => handle(...args) });
  await parts.bus.start();
  await gateway.start(forever);
  folder = mkdtempSync(join(tmpdir(), 'bramble-cli-'));
  env = { BRAMBLE_GATEWAY: gateway.addresses[0] ?? '', BRAMBLE_PASSWORD: 'secret' };
});
afterEach(async () => {
  await gateway.stop();
  await parts.bus.stop();
  rmSync(folder, { recursive: true });
});

async function bramble(argv: string[], stdin = ''): Promise<unknown> {
  const { exit, stdout, stderr } = await runBuiltCli([...argv, '--json'], { cwd: folder, env, stdin });
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
  return JSON.parse(stdout);
}

describe('the command line and our own gateway', () => {
  it('agree on functions', async () => {
    writeFileSync(join(folder, 'stack.yml'), 'functions: { cat: { image: cat, fprocess: cat } }\n');
    const deployed = await bramble(['deploy', '--no-wait']);
    expect(deployed).toMatchObject({ functions: [{ name: 'cat', outcome: 'created' }] });
    expect(await bramble(['deploy', '--no-wait'])).toMatchObject({ functions: [{ outcome: 'updated' }] });
    const names = expect.arrayContaining([expect.objectContaining({ name: 'cat' })]);
    expect(await bramble(['list'])).toEqual(names);
    expect(await bramble(['describe', 'cat'])).toMatchObject({ name: 'cat', image: 'cat' });
    expect(await bramble(['scale', 'cat', '2'])).toEqual({ name: 'cat', replicas: 2 });
    expect(await bramble(['remove', 'cat'])).toEqual({ removed: ['cat'] });
  });

  it('agree on calls, now and later', async () => {
    expect(await bramble(['invoke', 'echo', '--data', 'x'])).toMatchObject({ status: 200, body: 'hello' });
    expect(await bramble(['invoke', 'echo', '--async'], 'later')).toMatchObject({ status: 202 });
    expect(Buffer.from(parts.accepted[0]?.call.body ?? []).toString()).toBe('later');
  });

  it('agree on a body that is too large, while it is still being sent', async () => {
    handle = async (_name, { body }) => {
      const bytes = body instanceof Uint8Array ? body : await buffer(body);
      return { status: 200, headers: {}, body: bytes };
    };
    const stdin = Buffer.alloc(8 * 1024 * 1024);
    const { exit, stdout } = await runBuiltCli(['invoke', 'echo'], { cwd: folder, env, stdin });
    expect(exit).toBe(2);
    expect(stdout).toContain('over the limit');
  });

  it('agree on secrets', async () => {
    await bramble(['secret', 'create', 'key'], 'value\n');
    await bramble(['secret', 'replace', 'key'], 'other');
    expect(await bramble(['secret', 'list'])).toEqual([expect.objectContaining({ name: 'key' })]);
    await bramble(['secret', 'remove', 'key']);
    expect(await bramble(['secret', 'list'])).toEqual([]);
  });

  it('agree on dead letters', async () => {
    expect(await bramble(['dead-letters', 'list'])).toMatchObject([{ id: 7, function: 'echo' }]);
    expect(await bramble(['dead-letters', 'show', '7'])).toMatchObject({ event: { data: { motion: true } } });
    expect(await bramble(['dead-letters', 'replay', '7'])).toEqual({ replayed: 1, functions: ['echo'] });
    expect(await bramble(['dead-letters', 'purge', '--all'])).toEqual({ deleted: 1 });
  });

  it('agree on status, version and simulated sensors', async () => {
    expect(await bramble(['status'])).toMatchObject({ node: 'pi-01', queues: [{ function: 'echo' }] });
    expect(await bramble(['version'])).toMatchObject({ gateway: { version: '1.2.3' } });
    await bramble(['simulate', 'celsius', '41.5']);
    expect(parts.simulated).toEqual([{ celsius: 41.5 }]);
  });

  it('agree on the tail of the bus', async () => {
    await parts.bus.publish({ topic: 'bramble/pi-01/status', payload: 'online', retain: true });
    const child = startCli(['events', 'bramble/+/status', '--json'], { cwd: folder, env });
    const [chunk] = await once(child.stdout, 'data');
    expect(JSON.parse(String(chunk))).toMatchObject({ topic: 'bramble/pi-01/status', data: 'online' });
    child.kill('SIGINT');
    expect((await once(child, 'close'))[0]).toBe(130);
  });

  it('agree on the end of what went wrong', async () => {
    const wrong = { ...env, BRAMBLE_PASSWORD: 'wrong' };
    expect((await runBuiltCli(['list'], { cwd: folder, env: wrong })).exit).toBe(3);
    expect((await runBuiltCli(['describe', 'nope'], { cwd: folder, env })).exit).toBe(4);
    expect((await runBuiltCli(['invoke', 'nope'], { cwd: folder, env })).exit).toBe(4);
    expect((await runBuiltCli(['events', 'a/#/b'], { cwd: folder, env })).exit).toBe(2);
    expect((await runBuiltCli(['logs', 'nope'], { cwd: folder, env })).exit).toBe(4);
  });
});
