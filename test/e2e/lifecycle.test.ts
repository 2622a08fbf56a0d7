import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { deploy, untilReplicas } from '../support/deployments.ts';
import { duringTest } from '../support/during-test.ts';
import { hasMosquitto, mosquittoPub } from '../support/mosquitto.ts';
import { freePort } from '../support/ports.ts';
import { processesBelow } from '../support/processes.ts';
import { root } from '../support/repo.ts';
import { until } from '../support/wait.ts';

const cli = join(root, 'dist/cli.js');
const note = hasMosquitto ? '' : ' (skipped: needs mosquitto-clients)';
let folder: string;

beforeEach(() => {
  folder = duringTest.folder();
});

describe('bramble dev', () => {
  it('shows addresses and a password, triggers a function by simulated motion, and leaves nothing behind', async () => {
    const gatewayPort = await freePort();
    const brokerPort = await freePort();
    const dataDir = join(folder, 'data');
    const args = [
      cli,
      'dev',
      '--port',
      String(gatewayPort),
      '--data-dir',
      dataDir,
      '--set',
      `mqtt.listen.port=${brokerPort}`,
    ];
    const child = spawn(process.execPath, args, {
      cwd: folder,
      env: { PATH: process.env.PATH ?? '', HOME: folder },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data));
    await until('the start screen', () => output.includes('password'));
    expect(output).toContain(`http://127.0.0.1:${gatewayPort}`);

    const client = {
      cwd: folder,
      encoding: 'utf8' as const,
      env: { PATH: process.env.PATH ?? '', HOME: folder, BRAMBLE_GATEWAY: `http://127.0.0.1:${gatewayPort}` },
    };
    const simulated = spawnSync(process.execPath, [cli, 'simulate', 'motion'], client);
    expect(simulated.stderr + simulated.stdout + simulated.status).toMatch(/0$/);
    await until('motion, and the answer of the function that it triggers', () =>
      /motion\.detected by pir[\s\S]*guard answered 200/.test(output),
    );

    const children = processesBelow(child.pid ?? 0);
    expect(children.length).toBeGreaterThan(0);
    const exited = once(child, 'exit');
    child.kill('SIGINT');
    expect(await exited).toEqual([0, null]);
    await until('no child is left', () => children.every((pid) => !isAlive(pid)));
  });
});

describe('an agent that cannot start', () => {
  function run(args: readonly string[]) {
    const result = spawnSync(process.execPath, [cli, 'agent', ...args], {
      cwd: folder,
      encoding: 'utf8',
      env: {
        PATH: process.env.PATH ?? '',
        HOME: folder,
        BRAMBLE_HARDWARE__KIND: 'simulated',
        BRAMBLE_MQTT__LISTEN__PORT: '0',
        BRAMBLE_LOG__LEVEL: 'silent',
      },
      timeout: 20_000,
    });
    return { status: result.status, lines: result.stderr.trim().split('\n') };
  }

  it('says that the port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { status, lines } = run(['--port', String(port)]);
    server.close();
    expect(lines).toEqual([expect.stringContaining(`port ${port}`)]);
    expect(status).toBe(10);
  });

  it('says that the data folder cannot be used', () => {
    writeFileSync(join(folder, 'data'), 'a file where the folder should be');
    const { status, lines } = run(['--port', '0']);
    expect(lines).toEqual([expect.stringContaining('data folder')]);
    expect(status).toBe(9);
  });

  it('names every problem of a broken configuration', () => {
    writeFileSync(join(folder, 'bramble.yaml'), 'motion: { gpio: 99, gipo: 1 }\n');
    const { status, lines } = run([]);
    expect(lines.join()).toMatch(/motion\.gpio.*motion\.gipo|motion\.gipo.*motion\.gpio/);
    expect(status).toBe(2);
  });

  it('says that a second agent uses the data folder', async () => {
    const agent = await duringTest.agent();
    const { status, lines } = run(['--port', '0', '--data-dir', join(agent.folder, 'data')]);
    expect(lines).toEqual([expect.stringContaining(join(agent.folder, 'data'))]);
    expect(status).toBe(9);
  });
});

describe('an agent that is told to stop', () => {
  it('finishes the request that runs, and ends with 0', async () => {
    const agent = await duringTest.agent();
    await deploy(agent, { service: 'slow', envProcess: 'sh -c "sleep 0.7; cat"' });
    const answer = agent.fetch('/function/slow', { method: 'POST', body: 'still here' });
    await until('the request runs', async () =>
      (await (await agent.fetch('/metrics')).text()).includes(
        'gateway_function_invocation_started{function_name="slow"} 1',
      ),
    );
    const stopped = agent.stop();
    expect(await (await answer).text()).toBe('still here');
    expect(await stopped).toBe(0);
  });

  it('takes back its functions when it is started again', async () => {
    const agent = await duringTest.agent();
    await deploy(agent, { service: 'kept', envProcess: 'cat' });
    await agent.stop();
    const again = await duringTest.agent({ folder: agent.folder });
    await untilReplicas(again, 'kept', 1);
    expect(await (await again.fetch('/function/kept', { method: 'POST', body: 'x' })).text()).toBe('x');
  });
});

describe.skipIf(!hasMosquitto)(`an agent that is killed${note}`, () => {
  it('handles after the restart the event whose function was running, and leaves no orphan', async () => {
    const agent = await duringTest.agent();
    const seen = join(folder, 'seen');
    mkdirSync(seen);
    const command = `sh -c 'n=$(ls ${seen} | wc -l); touch ${seen}/$n; test $n -gt 0 || sleep 60; cat'`;
    await deploy(agent, { service: 'witness', envProcess: command, annotations: { topic: 'yard/gate' } });
    await mosquittoPub({ port: agent.brokerPort }, ['-q', '1', '-t', 'yard/gate', '-m', 'open']);
    const files = () => spawnSync('ls', [seen], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean);
    await until('the function runs', () => files().length === 1);
    const orphans = processesBelow(agent.child.pid ?? 0);
    await agent.kill();
    await until('its children are gone', () => orphans.every((pid) => !isAlive(pid)));
    const again = await duringTest.agent({ folder: agent.folder });
    await until('the event is handled again', () => files().length === 2);
    await until('it is done', async () =>
      (await (await again.fetch('/metrics')).text()).match(
        /bramble_deliveries_total\{[^}]*outcome="done"[^}]*\} 1/,
      ),
    );
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
