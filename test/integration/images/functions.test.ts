import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, runBuiltCli } from '../../support/built-cli.ts';
import { type DockerEngine, startDocker, whyNoDocker } from '../../support/docker/docker.ts';
import { buildNodeBase, buildPythonBase, nodeBase, pythonBase } from '../../support/docker/stand-ins.ts';
import { until } from '../../support/wait.ts';

const bases = { node: nodeBase, python: pythonBase, sh: nodeBase };
const langs = ['node', 'python', 'sh'] as const;

describe.skipIf(whyNoDocker() !== '')(`functions as images${whyNoDocker()}`, () => {
  let docker: DockerEngine;
  let folder: string;

  beforeAll(async () => {
    docker = await startDocker();
    await docker.swarmInit();
    await Promise.all([buildNodeBase(docker), buildPythonBase(docker)]);
    folder = await mkdtemp(join(tmpdir(), 'bramble-images-'));
  }, 120_000);

  afterAll(async () => {
    await docker?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  function bramble(...argv: string[]): Promise<CliResult> {
    return runBuiltCli(argv, { cwd: folder, env: { DOCKER_HOST: `unix://${docker.socketPath}` } });
  }

  it.each(langs)('in %s are begun, built, and answer as a Swarm service', async (lang) => {
    const name = `hello-${lang}`;
    expect(await bramble('new', '--lang', lang, name)).toMatchObject({ exit: 0 });
    const built = await bramble('build', '--only', name, '--build-arg', `BASE=${bases[lang]}`, '--json');
    expect(built).toMatchObject({ exit: 0, stderr: '' });
    expect(JSON.parse(built.stdout)).toEqual({ images: [{ name, image: `${name}:latest` }] });

    const port = 9000 + langs.indexOf(lang);
    await docker.docker(
      ...['service', 'create', '--detach', '--name', name, '--endpoint-mode', 'dnsrr'],
      ...['--publish', `mode=host,target=8080,published=${port}`, `${name}:latest`],
    );
    const url = `http://${docker.address}:${port}`;
    await until('the service answers', () =>
      fetch(`${url}/_/health`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    const answer = await fetch(url, {
      method: 'POST',
      body: 'world',
      headers: { 'content-type': 'text/plain' },
    });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toMatch(/^hello world\n?$|^\{"hello":"world"\}$/);

    const container = await docker.docker('ps', '--quiet', '--filter', `name=${name}`);
    expect(await docker.docker('exec', container, 'id', '-u')).toBe('1000');
    await until('its output is in the log', async () => {
      const { stdout, stderr } = await promisify(execFile)('docker', [
        ...['-H', `unix://${docker.socketPath}`, 'logs', container],
      ]);
      return `${stdout}${stderr}`.includes('called with POST /');
    });
    await docker.docker('service', 'rm', name);
  });

  it('are pushed to their registry, which says why it does not take one', async () => {
    await writeFile(
      join(folder, 'push.yml'),
      'functions: { hello-node: { lang: node, handler: ./hello-node, image: "127.0.0.1:1/hello-node:1" } }\n',
    );
    await docker.docker('tag', 'hello-node:latest', '127.0.0.1:1/hello-node:1');
    const pushed = await bramble('push', '-f', 'push.yml');
    expect(pushed.exit).toBe(8);
    expect(pushed.stderr).toMatch(/docker push 127\.0\.0\.1:1\/hello-node:1 failed: .*connection refused/);
  });

  it('that do not build say what Docker said', async () => {
    await writeFile(
      join(folder, 'broken.yml'),
      'functions: { hello-sh: { lang: sh, handler: ./hello-sh } }\n',
    );
    const built = await bramble(
      'build',
      '-f',
      'broken.yml',
      '--build-arg',
      'BASE=bramble-test/no-such-base',
      '--json',
    );
    expect(built.exit).not.toBe(0);
    expect(JSON.parse(built.stderr).error.message).toMatch(/docker build .*failed: .+/);
  });

  it('keep their templates in step with what people are told', async () => {
    const { stdout } = await bramble('templates', '--json');
    expect(JSON.parse(stdout).map(({ name }: { name: string }) => name)).toEqual([...langs]);
    expect(readFileSync(join(folder, 'stack.yml'), 'utf8')).toContain('fprocess: ./handler.sh');
  });
});

describe('without Docker', () => {
  it('building says what is missing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bramble-no-docker-'));
    try {
      const env = { PATH: folder, HOME: folder };
      await runBuiltCli(['new', 'hello'], { cwd: folder, env });
      const built = await runBuiltCli(['build'], { cwd: folder, env });
      expect(built.exit).toBe(2);
      expect(built.stderr).toContain('cannot run the docker program: it is not installed here');
      const deployed = await runBuiltCli(['stack', 'deploy'], { cwd: folder, env });
      expect(deployed.stderr).toContain('cannot run the docker program: it is not installed here');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
