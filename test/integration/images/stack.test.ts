import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHealth } from '../../../provision/read-health.ts';
import { isHealthy } from '../../../provision/stack-health.ts';
import { openDockerCli } from '../../../src/support/docker-cli.ts';
import { runBuiltCli } from '../../support/built-cli.ts';
import { type DockerEngine, startDocker, whyNoDocker } from '../../support/docker/docker.ts';
import {
  brokerImage,
  buildBase,
  buildBroker,
  buildBuildBase,
  buildNodeBase,
  nodeBase,
} from '../../support/docker/stand-ins.ts';
import { root } from '../../support/repo.ts';
import { until } from '../../support/wait.ts';

const image = 'bramble-test/bramble:1';

describe.skipIf(whyNoDocker() !== '')(`the image and the stack${whyNoDocker()}`, () => {
  let docker: DockerEngine;
  let folder: string;

  beforeAll(async () => {
    docker = await startDocker();
    await docker.swarmInit();
    await Promise.all([buildNodeBase(docker), buildBroker(docker), buildBuildBase(docker)]);
    const bases = ['--build-arg', `BASE=${nodeBase}`, '--build-arg', `BUILD_BASE=${buildBase}`];
    await docker.docker('build', '--quiet', '--tag', image, ...bases, root);
    folder = await mkdtemp(join(tmpdir(), 'bramble-stack-'));
  }, 300_000);

  afterAll(async () => {
    await docker?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  function stack(...argv: string[]) {
    const env = { DOCKER_HOST: `unix://${docker.socketPath}` };
    return runBuiltCli(['stack', ...argv], { cwd: folder, env });
  }

  const deployFlags = () => [
    ...['--broker-image', brokerImage, '--docker-socket', docker.socketPath],
    ...['--port', '8090', '--broker-port', '1893'],
  ];

  async function inContainer(service: string, ...command: string[]): Promise<string> {
    const id = await docker.docker('ps', '--quiet', '--filter', `name=bramble_${service}`);
    return docker.docker('exec', id, ...command);
  }

  it('the image starts as an ordinary user, gets healthy, and adds less than 25 MB to its base', async () => {
    const id = await docker.docker('run', '--detach', image, 'agent', '--set', 'roles=serve');
    expect(await docker.docker('exec', id, 'id', '-u')).toBe('1000');
    await until('the container is healthy', async () => {
      const state = await docker.docker('inspect', '--format', '{{.State.Health.Status}}', id);
      return state === 'healthy';
    });
    await docker.docker('rm', '--force', id);
    const sizeOf = async (name: string) =>
      Number(await docker.docker('image', 'inspect', '--format', '{{.Size}}', name));
    const addedBytes = (await sizeOf(image)) - (await sizeOf(nodeBase));
    console.log(`the agent's image adds ${(addedBytes / 1e6).toFixed(1)} MB to its base`);
    expect(addedBytes).toBeLessThan(25e6);
  });

  it('the image holds nothing of this folder that it does not need', async () => {
    const listed = await docker.docker('run', '--rm', '--entrypoint', 'ls', image, '-A', '/app');
    expect(listed.split('\n').sort()).toEqual([
      'LICENSE',
      'dist',
      'functions',
      'node_modules',
      'package.json',
    ]);
  });

  it('a stack whose image is nowhere to be found is given up with the reason', async () => {
    const deployed = await stack(
      'deploy',
      ...deployFlags(),
      '--image',
      'bramble-test/none:1',
      '--timeout',
      '4',
    );
    expect(deployed.exit).toBe(7);
    expect(deployed.stderr).toMatch(
      /not healthy after 4 s: agent 0\/\d \(node-1: No such image: bramble-test\/none:1\)/,
    );
  });

  it('the stack is deployed: agent and broker get healthy, agents reach the broker with their password', async () => {
    const deploying = stack('deploy', ...deployFlags(), '--image', image, '--timeout', '20');
    const cli = openDockerCli({
      env: { ...process.env, DOCKER_HOST: `unix://${docker.socketPath}` },
      signal: new AbortController().signal,
    });
    await until(
      'agent and broker are healthy',
      async () => {
        const services = await readHealth(cli, 'bramble');
        const named = (name: string) => services.find((one) => one.name === name);
        const [agent, broker] = [named('agent'), named('mosquitto')];
        return agent && broker && isHealthy(agent) && isHealthy(broker);
      },
      60_000,
    );
    const { stdout, stderr } = await deploying;
    const [fileName = ''] = await readdir(join(folder, '.bramble/stacks'));
    const kept = await readFile(join(folder, '.bramble/stacks', fileName), 'utf8');
    const passwords = [...kept.matchAll(/password: (\S+)/g)].map((match) => match[1] ?? '');
    expect(passwords).toHaveLength(2);
    for (const password of passwords) expect(`${stdout}${stderr}`).not.toContain(password);
    expect((await fetch(`http://${docker.address}:8090/healthz`)).status).toBe(200);
    await until('the agent has announced itself', async () => {
      const ready = await fetch(`http://${docker.address}:8090/readyz`);
      return ready.status === 200;
    });
  });

  it('the agent has no Docker socket and no privilege, and can write below /sys', async () => {
    expect(await inContainer('agent', 'sh', '-c', 'ls /var/run/docker.sock 2>&1 || true')).toMatch(
      /No such file/,
    );
    expect(await inContainer('agent', 'grep', 'CapEff', '/proc/1/status')).toMatch(/\t0{16}$/);
    expect(await inContainer('agent', 'grep', ' /sys sysfs', '/proc/mounts')).toMatch(/ rw,/);
  });

  it('the broker lets nobody in without a password, and keeps what agents tell each other to them', async () => {
    const [fileName = ''] = await readdir(join(folder, '.bramble/stacks'));
    const file = join(folder, '.bramble/stacks', fileName);
    expect((await stat(file)).mode & 0o077).toBe(0);
    const password = /user: device\s+password: (\S+)/.exec(await readFile(file, 'utf8'))?.[1] ?? '';
    const subscribe = (...more: string[]) =>
      inContainer('mosquitto', 'sh', '-c', `mosquitto_sub -W 3 -C 1 -v ${more.join(' ')}; echo status $?`);
    expect(await subscribe('-t', 'bramble/#')).toContain('status 5');
    const device = ['-u', 'device', '-P', password];
    expect(await subscribe('-t', 'bramble/+/status', ...device)).toMatch(
      /^bramble\/\S+\/status online\nstatus 0$/,
    );
    await inContainer(
      'mosquitto',
      'mosquitto_pub',
      ...device,
      '-r',
      '-t',
      'bramble/all/catalogue/function/x',
      '-m',
      '1',
    );
    expect(await subscribe('-t', 'bramble/all/catalogue/function/x', ...device)).toBe('status 27');
  });

  it('a second deployment keeps the passwords', async () => {
    const secrets = () => docker.docker('secret', 'ls', '--format', '{{.Name}}');
    const before = await secrets();
    const again = await stack('deploy', ...deployFlags(), '--image', image, '--timeout', '1');
    expect(await secrets()).toBe(before);
    expect(`${again.stdout}${again.stderr}`).not.toContain('passwords');
  });

  it('is removed with its secrets and configs, and its data stay', async () => {
    expect((await stack('remove')).stdout).toBe('the stack bramble: removed\n');
    expect(await docker.docker('secret', 'ls', '--quiet')).toBe('');
    expect(await docker.docker('config', 'ls', '--quiet')).toBe('');
    expect(await docker.docker('volume', 'ls', '--quiet')).toContain('bramble_mosquitto');
    expect((await stack('remove')).stdout).toBe('the stack bramble: not there\n');
  });
});
