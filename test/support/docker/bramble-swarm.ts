/**
 * Bramble's whole stack on a Swarm of Docker Engines, put there by the built command line:
 *
 *   const bramble = await openBrambleSwarm({ nodes: 3 });
 *   await bramble.cli('deploy', …);                   logged in, through the gateway of node 1
 *   await bramble.call(2, '/function/x');             the gateway of node 3
 *   const client = await bramble.connect();           a foreign MQTT client, as the broker's user `device`
 *   await listen(bramble.broker, 'bramble/#');        the same by mosquitto_sub
 *   await bramble.stop();
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { parse, stringify } from 'yaml';
import { brokerLabel } from '../../../provision/stack.ts';
import { type CliResult, runBuiltCli } from '../built-cli.ts';
import type { BrokerAddress } from '../mosquitto.ts';
import { buildAgentImage } from './agent-image.ts';
import { type Swarm, startSwarm } from './docker.ts';
import { buildImages, copyImages } from './images.ts';
import { brokerImage, buildBroker } from './stand-ins.ts';

const agentImage = 'bramble-test/agent';
const probeImage = 'bramble-test/probe';
const gatewayPort = 8090;
const brokerPort = 1893;

export interface BrambleSwarm {
  readonly swarm: Swarm;
  /** What `bramble stack deploy` said. */
  readonly deployed: CliResult;
  cli(...argv: readonly string[]): Promise<CliResult>;
  /** Deploys functions as a stack file has them; resolves when they are ready. */
  deploy(functions: Readonly<Record<string, object>>): Promise<CliResult>;
  /** With the gateway's password. */
  call(node: number, path: string, request?: RequestInit): Promise<Response>;
  connect(): Promise<MqttClient>;
  readonly broker: Required<BrokerAddress>;
  stop(): Promise<void>;
}

export interface BrambleSwarmOptions {
  readonly nodes: number;
  readonly managers?: number;
  /** Where the nodes have their mounts from, `/sys` among them. */
  readonly mountNamespace?: string | undefined;
  readonly heartbeat?: string;
  /** The agents' bramble.yaml. */
  readonly config?: object;
  /** Index of the node that keeps the broker; 0 unless told. */
  readonly broker?: number;
}

export async function openBrambleSwarm({
  broker: brokerNode = 0,
  config,
  ...options
}: BrambleSwarmOptions): Promise<BrambleSwarm> {
  const swarm = await startSwarm(options);
  const folder = await mkdtemp(join(tmpdir(), 'bramble-swarm-'));
  const clients: MqttClient[] = [];
  const stop = async () => {
    for (const client of clients) client.end(true);
    await swarm.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const [manager, ...others] = swarm.nodes;
    if (manager === undefined) throw new TypeError('a Swarm has a manager');
    await Promise.all([
      buildImages(manager, ['probe']).then(() => buildAgentImage(manager, agentImage)),
      buildBroker(manager),
    ]);
    await copyImages(manager, others, [agentImage, probeImage, brokerImage]);
    await manager.docker('node', 'update', '--label-add', `${brokerLabel}=true`, swarm.node(brokerNode).name);
    const cli = (...argv: readonly string[]) =>
      runBuiltCli(argv, {
        cwd: folder,
        env: {
          DOCKER_HOST: `unix://${manager.socketPath}`,
          BRAMBLE_GATEWAY: `http://${manager.address}:${gatewayPort}`,
        },
      });
    if (config !== undefined) await writeFile(join(folder, 'bramble.yaml'), stringify(config));
    const deployed = await cli(
      ...['stack', 'deploy', '--image', agentImage, '--broker-image', brokerImage],
      ...['--docker-socket', swarm.ownSocketPath, '--timeout', '90'],
      ...['--port', String(gatewayPort), '--broker-port', String(brokerPort)],
      ...(config === undefined ? [] : ['--config', 'bramble.yaml']),
    );
    const host = swarm.node(brokerNode).address;
    const { gateway, broker: login } = await readPasswords(join(folder, '.bramble/stacks'));
    const authorization = `Basic ${Buffer.from(`${gateway.user}:${gateway.password}`).toString('base64')}`;
    return {
      swarm,
      deployed,
      cli,
      deploy: async (functions) => {
        const named = Object.entries(functions).map(([name, spec]) => [name, { image: probeImage, ...spec }]);
        const stack = {
          version: '1.0',
          provider: { name: 'openfaas' },
          functions: Object.fromEntries(named),
        };
        await writeFile(join(folder, 'stack.yml'), stringify(stack));
        return cli('deploy', '--file', 'stack.yml', '--json');
      },
      call: (node, path, request = {}) =>
        fetch(`http://${swarm.node(node).address}:${gatewayPort}${path}`, {
          ...request,
          headers: { authorization, ...request.headers },
        }),
      connect: async () => {
        const client = await connectAsync(`mqtt://${host}:${brokerPort}`, {
          username: login.user,
          password: login.password,
          reconnectPeriod: 100,
        });
        clients.push(client);
        return client;
      },
      broker: { host, port: brokerPort, login },
      stop,
    };
  } catch (err) {
    await stop();
    throw err;
  }
}

interface Login {
  readonly user: string;
  readonly password: string;
}

async function readPasswords(folder: string): Promise<{ gateway: Login; broker: Login }> {
  const [name = ''] = await readdir(folder);
  return parse(await readFile(join(folder, name), 'utf8'));
}
