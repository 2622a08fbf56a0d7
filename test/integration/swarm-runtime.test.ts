import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SwarmRuntime } from '../../src/functions/runtime.swarm.ts';
import type { FunctionSpec } from '../../src/functions/spec.ts';
import { toBrambleError } from '../../src/support/errors.ts';
import { type DockerEngine, startDocker, whyNoDocker } from '../support/docker/docker.ts';
import { buildImage } from '../support/docker/images.ts';
import { openOverlayDoor } from '../support/docker/overlay-door.ts';
import { openPrivateRegistry } from '../support/docker/registry.ts';
import { newSwarmRuntime, openSwarmRuntime, probeService } from '../support/docker/swarm-runtime.ts';
import { buildRequest, codeOf, never, textOf } from '../support/requests.ts';
import { until } from '../support/wait.ts';

describe.skipIf(whyNoDocker())(`functions as services of a Swarm${whyNoDocker()}`, () => {
  let docker: DockerEngine;
  let runtime: SwarmRuntime;
  let close: () => Promise<void>;

  beforeAll(async () => {
    ({ docker, runtime, close } = await openSwarmRuntime({}, ['--insecure-registry', '10.77.0.0/16']));
    await buildImage(docker, 'bramble-test/broken', {
      dockerfile: 'FROM bramble-test/node\nCMD ["/usr/local/bin/node", "-e", "process.exit(3)"]',
    });
  });
  afterAll(() => close?.());

  async function deployed(name: string, fields: Partial<FunctionSpec> = {}): Promise<string> {
    await runtime.deploy(probeService(name, fields));
    await ready(name, 1);
    return name;
  }

  const ready = (name: string, count: number) =>
    until(`${count} replicas of ${name}`, () => runtime.endpoints(name).length === count);

  async function call(name: string, target: string): Promise<string> {
    const [endpoint] = runtime.endpoints(name);
    if (endpoint === undefined) throw new Error(`${name} has no replica`);
    return textOf(await endpoint.invoke(buildRequest(target), { signal: never }));
  }

  const inspect = async (name: string) => JSON.parse(await docker.docker('service', 'inspect', name))[0];

  it('have what was asked for: limits, labels, read-only root, secrets, constraints', async () => {
    await runtime.secrets.create('token', Buffer.from('s3cret'));
    await deployed('full', {
      envProcess: 'cat',
      labels: { team: 'red' },
      annotations: { topic: 'a/b' },
      limits: { memory: '128Mi', cpu: '500m' },
      requests: { memory: '64m', cpu: '0.1' },
      readOnlyRootFilesystem: true,
      secrets: ['token'],
    });
    const { Spec } = await inspect('full');
    expect(Spec.TaskTemplate.Resources).toMatchObject({
      Limits: { MemoryBytes: 134_217_728, NanoCPUs: 500_000_000 },
      Reservations: { MemoryBytes: 67_108_864, NanoCPUs: 100_000_000 },
    });
    expect(Spec.Labels).toMatchObject({
      team: 'red',
      'com.openfaas.function': 'full',
      'com.openfaas.annotations.topic': 'a/b',
    });
    expect(Spec.TaskTemplate.ContainerSpec.ReadOnly).toBe(true);
    expect(Spec.TaskTemplate.Placement.Constraints).toEqual(['node.platform.os == linux']);
    expect(await call('full', '/secret?token')).toBe('s3cret');
    expect(await runtime.describe('full')).toMatchObject({
      image: 'bramble-test/probe',
      envProcess: 'cat',
      annotations: { topic: 'a/b' },
      limits: { memory: '128Mi', cpu: '500m' },
      secrets: ['token'],
      constraints: [],
      readOnlyRootFilesystem: true,
      availableReplicas: 1,
    });
    await runtime.remove('full');
    await runtime.secrets.remove('token');
  });

  it('updated to an image that does not run go back to the one that did, and say why', async () => {
    const name = await deployed('steady', { envVars: { version: 'one' } });
    await runtime.update(probeService(name, { image: 'bramble-test/broken', envVars: { version: 'two' } }));
    const problem = () => runtime.describe(name).then((status) => status?.problem ?? '');
    await until('the roll back to be told of', async () => (await problem()).includes('rolled back'), 50_000);
    expect(await problem()).toContain('non-zero exit (3)');
    await until('the old version to be what is described', async () => {
      const status = await runtime.describe(name);
      return status?.image === 'bramble-test/probe' && status.availableReplicas === 1;
    });
    expect(await call(name, '/env?version')).toBe('one');
    await runtime.update(probeService(name, { envVars: { version: 'three' } }));
    await until(
      'the third version',
      async () => (await call(name, '/env?version').catch(() => '')) === 'three',
    );
    expect((await runtime.describe(name))?.problem).toBeUndefined();
  });

  it('that never run say why', async () => {
    await runtime.deploy(probeService('stillborn', { image: 'bramble-test/broken' }));
    const problem = await until('a reason', async () => (await runtime.describe('stillborn'))?.problem);
    expect(problem).toContain('non-zero exit (3)');
    await runtime.update(probeService('stillborn', { constraints: ['node.labels.none == here'] }));
    await until('another reason', async () =>
      (await runtime.describe('stillborn'))?.problem?.includes('no suitable node'),
    );
    await runtime.remove('stillborn');
  });

  it('are refused at once with an image that is nowhere, or a name that is none', async () => {
    const missing = runtime.deploy(probeService('ghost', { image: 'nobody/nothing:1' }));
    const error = toBrambleError(await missing.catch((err: unknown) => err));
    expect(error).toMatchObject({ code: 'INVALID', problems: [{ path: 'image' }] });
    expect(error.message).toContain('nobody/nothing:1');
    expect(await runtime.describe('ghost')).toBeUndefined();
    expect(await codeOf(runtime.deploy(probeService('ghost', { image: 'a/../../secrets' })))).toBe('INVALID');
    const known = await deployed('known');
    expect(await codeOf(runtime.update(probeService(known, { image: 'nobody/nothing:1' })))).toBe('INVALID');
    expect(await call(known, '/env?PORT')).toBe('8080');
  });

  it('are refused with every other thing that Docker cannot do, by its name', async () => {
    const problemsOf = async (fields: Partial<FunctionSpec>) => {
      const error = toBrambleError(
        await runtime.deploy(probeService('wrong', fields)).catch((err: unknown) => err),
      );
      return `${error.code} ${error.message}`;
    };
    expect(await problemsOf({ limits: { memory: 'much' } })).toMatch(/^INVALID .*limits\.memory/);
    expect(await problemsOf({ limits: { memory: '1k' } })).toMatch(/^INVALID .*memory/);
    expect(await problemsOf({ constraints: ['nonsense'] })).toMatch(/^INVALID .*constraint/);
    expect(await problemsOf({ network: 'nowhere' })).toMatch(/^INVALID .*"nowhere"/);
    expect(await problemsOf({ registryAuth: 'bm90aGluZw==' })).toMatch(/^INVALID .*registryAuth/);
    expect(await problemsOf({ secrets: ['lost'] })).toMatch(/^INVALID .*"lost"/);
  });

  it('see the new value of a secret that was replaced, and the old one is gone', async () => {
    await runtime.secrets.create('key', Buffer.from('old'));
    const name = await deployed('reader', { secrets: ['key'] });
    expect(await call(name, '/secret?key')).toBe('old');
    await runtime.secrets.replace('key', Buffer.from('new'));
    await until('the new value', async () => (await call(name, '/secret?key').catch(() => '')) === 'new');
    expect(await runtime.secrets.list()).toEqual(['key']);
    await until(
      'the old secret to be removed',
      async () => (await docker.docker('secret', 'ls', '--format', '{{.Name}}')) === 'key.v2',
    );
    expect((await runtime.describe(name))?.secrets).toEqual(['key']);
    const late = await deployed('late-reader', { secrets: ['key'] });
    expect(await call(late, '/secret?key')).toBe('new');
    expect(await codeOf(runtime.secrets.remove('key'))).toBe('CONFLICT');
    await runtime.remove(name);
    await runtime.remove(late);
    await runtime.secrets.remove('key');
    expect(await docker.docker('secret', 'ls', '--quiet')).toBe('');
  });

  it('may use a secret that others made, which is neither shown nor removed', async () => {
    await docker.docker('secret', 'create', 'foreign', '/etc/hostname');
    await deployed('guest', { secrets: ['foreign'] });
    expect(await call('guest', '/secret?foreign')).not.toBe('');
    expect(await runtime.secrets.list()).not.toContain('foreign');
    expect(await codeOf(runtime.secrets.remove('foreign'))).toBe('NOT_FOUND');
    await runtime.remove('guest');
  });

  it('write one log, whatever replica wrote a line', async () => {
    const name = await deployed('chatty');
    await runtime.scale(name, 3);
    await ready(name, 3);
    const endpoints = runtime.endpoints(name);
    const read = async (query: object) => {
      const lines = [];
      for await (const line of runtime.logs(name, { signal: never, ...query })) lines.push(line);
      return lines;
    };
    for (const [i, endpoint] of endpoints.entries()) {
      await endpoint.invoke(buildRequest(`/log?line-${i}`), { signal: never });
      // Docker gives a line its time when it reads it.
      await until('this line', async () => (await read({})).length === i + 1);
    }
    const lines = await read({});
    expect(lines.map(({ text }) => text)).toEqual(['line-0', 'line-1', 'line-2']);
    expect(lines.map(({ instance }) => instance)).toEqual(endpoints.map(({ id }) => id));
    expect((await read({ tail: 2 })).map(({ text }) => text)).toEqual(['line-1', 'line-2']);
    const secondMs = Date.parse(lines[1]?.timestamp ?? '');
    expect((await read({ sinceMs: secondMs })).map(({ text }) => text)).toEqual(['line-1', 'line-2']);
  });

  it('come from a private registry, with the login of the function or of the registry', async () => {
    const registry = await openPrivateRegistry(docker.hostAddress, { user: 'pi', password: 'berry' });
    const { image, host } = registry;
    const configured = newSwarmRuntime(docker.socketPath, {
      registryLogins: { [host]: { username: 'pi', password: 'berry' } },
    });
    try {
      expect(await codeOf(runtime.deploy(probeService('private', { image })))).toBe('INVALID');
      const wrong = Buffer.from('pi:wrong').toString('base64');
      expect(await codeOf(runtime.deploy(probeService('private', { image, registryAuth: wrong })))).toBe(
        'INVALID',
      );
      const registryAuth = Buffer.from('pi:berry').toString('base64');
      await runtime.deploy(probeService('private', { image, registryAuth }));
      const { Spec } = await inspect('private');
      expect(Spec.TaskTemplate.ContainerSpec.Image).toBe(`${image}@${registry.digest}`);
      expect(JSON.stringify(Spec)).not.toContain(registryAuth);
      expect((await runtime.describe('private'))?.image).toBe(image);
      await until('the node to pull it', () => registry.pulls() > 0);
      await runtime.remove('private');
      await configured.deploy(probeService('configured', { image }));
      await configured.remove('configured');
    } finally {
      await registry.close();
    }
  });

  it('leave services that are no functions alone', async () => {
    await docker.docker('service', 'create', '--detach', '--name', 'database', 'bramble-test/probe');
    expect((await runtime.list()).map(({ name }) => name)).not.toContain('database');
    expect(await runtime.describe('database')).toBeUndefined();
    expect(await codeOf(runtime.deploy(probeService('database')))).toBe('CONFLICT');
    expect(await codeOf(runtime.update(probeService('database')))).toBe('FUNCTION_NOT_FOUND');
    expect(await codeOf(runtime.scale('database', 0))).toBe('FUNCTION_NOT_FOUND');
    expect(await codeOf(runtime.remove('database'))).toBe('FUNCTION_NOT_FOUND');
    expect((await inspect('database')).Version.Index).toBeGreaterThan(0);
    await docker.docker('service', 'rm', 'database');
  });

  it('are told by task, with address and container, for those who call them from elsewhere', async () => {
    const name = await deployed('located');
    const [task] = runtime.tasks(name);
    expect(task).toMatchObject({ node: 'node-1', state: 'ready', isUpToDate: true });
    expect(task?.address).toMatch(/^100\.\d+\.\d+\.\d+:8080$/);
    expect(await docker.docker('ps', '--no-trunc', '--quiet')).toContain(task?.containerId);
  });

  it('that are ready stay so while Docker is away, and can be changed again when it is back', async () => {
    const name = await deployed('patient');
    const follower = new AbortController();
    const followed: string[] = [];
    const following = (async () => {
      for await (const { text } of runtime.logs(name, { follow: true, signal: follower.signal }))
        followed.push(text);
    })();
    await call(name, '/log?before');
    await until('the log to be followed', () => followed.includes('before'));
    docker.pause();
    expect(await codeOf(runtime.secrets.list())).toBe('UNREACHABLE');
    expect(await codeOf(runtime.list())).toBe('UNREACHABLE');
    docker.resume();
    expect(await until('an answer', () => runtime.describe(name).catch(() => undefined))).toMatchObject({
      availableReplicas: 1,
    });
    await docker.halt();
    expect(runtime.endpoints(name)).toHaveLength(1);
    expect(await codeOf(runtime.list())).toBe('UNREACHABLE');
    expect(await codeOf(runtime.scale(name, 2))).toBe('UNREACHABLE');
    expect(await codeOf(runtime.secrets.list())).toBe('UNREACHABLE');
    await docker.start();
    await until(
      'functions to be listed again',
      async () => (await codeOf(runtime.list())) === 'none',
      40_000,
    );
    const door = await openOverlayDoor(docker, 'functions');
    await until(
      'a replica that answers',
      async () => (await call(name, '/log?back').catch(() => '')) !== '',
      40_000,
    );
    await until('the log to go on', () => followed.includes('back'), 40_000);
    follower.abort();
    await following;
    await door.close();
  }, 120_000);
});

describe.skipIf(whyNoDocker())(`a Docker that is no manager of a Swarm${whyNoDocker()}`, () => {
  it('says so, and becomes one without a restart of the agent', async () => {
    const docker = await startDocker();
    const runtime = newSwarmRuntime(docker.socketPath);
    try {
      await runtime.start();
      expect(await codeOf(runtime.list())).toBe('UNSUPPORTED');
      expect(await codeOf(runtime.deploy(probeService('early')))).toBe('UNSUPPORTED');
      await docker.swarmInit();
      expect(await runtime.list()).toEqual([]);
    } finally {
      await runtime.stop();
      await docker.stop();
    }
  });
});
