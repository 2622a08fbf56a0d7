import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { runBuiltCli } from '../support/built-cli.ts';
import { type Ledger, openLedger } from '../support/docker/ledger.ts';
import { type Machines, preparationMs, startMachines, whyNoMachines } from '../support/machines/machines.ts';
import { makeUpProject, type UpProject } from '../support/machines/up-project.ts';
import { until } from '../support/wait.ts';

/** The longest step, on a machine that has much else to do. */
const upMs = 600_000;
/** Events that nobody has handled yet. */
const mostAhead = 20;
/** Sooner than after the 10 s of our own image: so long the test would wait for every node. */
const soonHealthy = `HEALTHCHECK --interval=2s CMD ["node", "-e", "fetch('http://127.0.0.1:8080/healthz').then(({ok})=>process.exit(ok?0:1),()=>process.exit(1))"]`;

/** A manager and two workers, with a function on each that serves calls and events. */
describe.skipIf(whyNoMachines() !== '')(`another version on a cluster${whyNoMachines()}`, () => {
  let machines: Machines;
  let project: UpProject;
  let ledger: Ledger;
  let passwordsFile: string;
  let firstImage: string;

  beforeAll(async () => {
    machines = await startMachines({ count: 3, docker: 'installed' });
    project = await makeUpProject(machines);
    ledger = await openLedger(machines.hostAddress);
    await project.describe(3);
    const { finished } = await project.up();
    expect(finished.failures).toEqual([]);
    passwordsFile = finished.passwordsFile;
    [firstImage = ''] = await imagesInUse();
    await deployFunction();
  }, preparationMs);
  afterAll(async () => {
    await machines?.stop();
    project?.remove();
    ledger?.close();
  });

  const gateways = () => machines.all.map(({ address }) => `http://${address}:8080`);

  /** The agent's image with these lines more, in the registry of the cluster. */
  async function makeVersion(tag: string, ...lines: readonly string[]): Promise<string> {
    const reference = firstImage.replace(/:\w+$/, `:${tag}`);
    const dockerfile = [`FROM ${firstImage}`, soonHealthy, ...lines].join('\n');
    await machines.at(0).exec(['docker', 'build', '--tag', reference, '-'], { stdin: dockerfile });
    await machines.at(0).exec(['docker', 'push', reference]);
    return reference;
  }

  /** Of agents and control, on the nodes that are on. */
  async function imagesInUse(): Promise<string[]> {
    const list = ['docker', 'ps', '--filter', 'name=bramble_agent', '--filter', 'name=bramble_control'];
    const images = await Promise.all(
      machines.all
        .filter(({ isRunning }) => isRunning)
        .map((machine) => machine.exec([...list, '--format', '{{.Image}}'])),
    );
    return [...new Set(images.flatMap((lines) => lines.split('\n')).map((one) => one.replace(/@.*/, '')))];
  }

  /** Serves three replicas that answer `here`, and tell the ledger of each event before. */
  async function deployFunction(): Promise<void> {
    const tell = "q.length?await fetch(process.env.TELL,{method:'POST',body:q}):0";
    const server = `import{createServer}from'node:http';createServer(async(r,s)=>{const q=Buffer.concat(await r.toArray());${tell};s.end('here')}).listen(8080);await new Promise(()=>{})`;
    const here = {
      image: firstImage,
      environment: {
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(server)}`,
        TELL: ledger.urlFor('events'),
      },
      labels: { 'com.openfaas.scale.min': '3', 'com.openfaas.scale.zero': 'true' },
      annotations: { topic: 'garden/numbers', 'bramble.concurrency': '8' },
    };
    await writeFile(join(project.folder, 'stack.yml'), stringify({ functions: { here } }));
    const [gateway = ''] = gateways();
    expect(await project.bramble('deploy', '-f', 'stack.yml', '-g', gateway)).toMatchObject({ exit: 0 });
    for (const one of gateways()) await until(`it answers at ${one}`, () => answers(one));
  }

  async function answers(gateway: string): Promise<boolean> {
    const answer = await fetch(`${gateway}/function/here`, { signal: AbortSignal.timeout(5_000) }).catch(
      () => undefined, // its agent is not there
    );
    return answer?.status === 200 && (await answer.text()) === 'here';
  }

  /** Calls through all gateways at once, again and again; gives those that failed in each round where any did. */
  function callOn() {
    let isStopped = false;
    const failed: string[][] = [];
    const calling = (async () => {
      while (!isStopped) {
        const round = await Promise.all(gateways().map(async (one) => ((await answers(one)) ? [] : [one])));
        if (round.flat().length > 0) failed.push(round.flat());
      }
    })();
    return async () => {
      isStopped = true;
      await calling;
      return failed;
    };
  }

  /** Numbered events, as fast as they are handled, until it is stopped; gives what was acknowledged. */
  async function publishOn() {
    const { broker } = parse(await readFile(passwordsFile, 'utf8'));
    const options = { username: broker.user, password: broker.password };
    const client = await connectAsync(`mqtt://${machines.at(0).address}:1883`, options);
    const told = ledger.page('events');
    let isStopped = false;
    const sent: string[] = [];
    const publishing = (async () => {
      while (!isStopped) {
        await until('there is room', () => sent.length - told.size < mostAhead, upMs);
        await client.publishAsync('garden/numbers', `number ${sent.length}`, { qos: 1 });
        sent.push(`number ${sent.length}`);
      }
    })();
    return async () => {
      isStopped = true;
      await publishing;
      await client.endAsync();
      return sent;
    };
  }

  const namedImage = async () =>
    parse(await readFile(join(project.folder, 'bramble.yaml'), 'utf8')).cluster.agent.image;

  async function expectNothingToDo() {
    const { exit, finished } = await project.up();
    expect([exit, finished.failures, finished.steps]).toEqual([0, [], 0]);
  }

  /** All of one version, each node at work, and nothing left to do. */
  async function expectAll(image: string) {
    expect(await imagesInUse()).toEqual([image]);
    for (const one of gateways()) await until(`${one} answers`, () => answers(one));
    await expectNothingToDo();
  }

  it('comes to one node after the other, while the others serve, and no event is lost', {
    timeout: upMs,
  }, async () => {
    const second = await makeVersion('second');
    await machines.at(0).docker('save', '--output', join(project.folder, 'second.tar'), second);
    const stopCalls = callOn();
    const stopEvents = await publishOn();
    const { exit, stdout } = await project.bramble('upgrade', '--image', 'second.tar');
    const [failed, sent] = [await stopCalls(), await stopEvents()];
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: expect.stringContaining('steps done') });
    expect(failed.filter((round) => round.length > 1)).toEqual([]);
    expect(new Set(failed.flat())).toEqual(new Set(gateways()));
    const told = ledger.page('events');
    await until('every event is handled', () => sent.every((one) => told.has(one)), 120_000);
    console.log(`${sent.length} events in the meantime; ${failed.length} rounds of calls without one node`);
    expect(await namedImage()).toBe('./second.tar');
    const [image = ''] = await imagesInUse();
    expect(image).not.toBe(firstImage);
    await expectAll(image);
  });

  it('goes back everywhere when one node does not get healthy with it, and that node is named', {
    timeout: upMs,
  }, async () => {
    const [before = ''] = await imagesInUse();
    const failing = encodeURIComponent(
      'if(process.env.HOSTNAME=="pi-03")throw new Error("no room in pi-03")',
    );
    const image = await makeVersion('picky', `ENV NODE_OPTIONS=--import=data:text/javascript,${failing}`);
    const { exit, stdout, stderr } = await project.bramble('upgrade', '--image', image);
    expect(exit).toBe(7);
    expect(stdout).toMatch(/rolled back: .*\(pi-03: task: non-zero exit \(1\): Error: no room in pi-03\)/);
    expect(stderr).toContain('the cluster runs what it ran before');
    expect(await namedImage()).toBe('./second.tar');
    await expectAll(before);
  });

  it('goes back when it runs nowhere', { timeout: upMs }, async () => {
    const [before = ''] = await imagesInUse();
    const image = await makeVersion('broken', 'CMD ["agent", "--nonsense"]');
    const { exit, stdout } = await project.bramble('upgrade', '--image', image);
    expect(exit).toBe(7);
    expect(stdout).toContain("bramble: unknown option '--nonsense'");
    // Of the version that failed before nothing is said.
    expect(stdout).not.toContain('no room');
    await expectAll(before);
  });

  it('is put right by bramble up where Docker has stopped half-way', { timeout: upMs }, async () => {
    const [before = ''] = await imagesInUse();
    const broken = before.replace(/:\w+$/, ':broken');
    const update = ['--detach', '--update-failure-action', 'pause', '--image', broken];
    await machines.at(0).docker('service', 'update', ...update, 'bramble_agent');
    const state = [
      'service',
      'inspect',
      '--format',
      '{{with .UpdateStatus}}{{.State}}{{end}}',
      'bramble_agent',
    ];
    await until('it is stopped', async () => (await machines.at(0).docker(...state)) === 'paused', 120_000);
    const { exit, finished } = await project.up();
    expect([exit, finished.failures, finished.steps]).toEqual([0, [], 1]);
    await expectAll(before);
  });

  it('comes without a node that is off, which has it when it is back', { timeout: upMs }, async () => {
    await machines.at(2).kill();
    const image = await makeVersion('third');
    const { exit, stdout } = await project.bramble('upgrade', '--image', image, '--wait', '1');
    expect(exit).toBe(8);
    expect(stdout).toMatch(/^Failed: pi-03 .*cannot be reached/m);
    expect(await namedImage()).toBe(image);
    expect(await imagesInUse()).toEqual([image]);
    await machines.at(2).start();
    expect(await project.up()).toMatchObject({ exit: 0, finished: { failures: [] } });
    await expectAll(image);
  });

  it('is what bramble stack deploy finds and leaves through DOCKER_HOST=ssh://', {
    timeout: upMs,
  }, async () => {
    const [image = ''] = await imagesInUse();
    const format = '{{.Spec.TaskTemplate.ContainerSpec.Image}}';
    const broker = await machines.at(0).docker('service', 'inspect', '--format', format, 'bramble_mosquitto');
    const images = ['--image', image, '--broker-image', broker.replace(/@.*/, '')];
    const deploy = ['stack', 'deploy', '--config', 'bramble.yaml', ...images];
    const surroundings = await withSsh();
    expect(await runBuiltCli(deploy, surroundings)).toMatchObject({
      exit: 8,
      stderr: expect.stringContaining('group docker'),
    });
    await machines.at(0).exec(['usermod', '--append', '--groups', 'docker', 'pi']);
    expect(await runBuiltCli(deploy, surroundings)).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining('is healthy'),
    });
    await expectAll(image);
  });

  /** Docker's own `ssh`, with the key and the known hosts of the test in place of the user's. */
  async function withSsh() {
    const folder = join(project.folder, 'bin');
    const options = `-i '${machines.keyFile}' -o UserKnownHostsFile='${machines.knownHosts}' -o BatchMode=yes`;
    await mkdir(folder);
    await writeFile(join(folder, 'ssh'), `#!/bin/sh\nPATH=$\{PATH#*:}\nexec ssh ${options} "$@"\n`);
    await chmod(join(folder, 'ssh'), 0o755);
    const DOCKER_HOST = `ssh://pi@${machines.at(0).address}`;
    return { cwd: project.folder, env: { DOCKER_HOST, PATH: `${folder}:${process.env.PATH ?? ''}` } };
  }
});
