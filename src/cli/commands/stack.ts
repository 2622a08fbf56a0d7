import { readFile } from 'node:fs/promises';
import { Argument, type Command, InvalidArgumentError } from 'commander';
import type { AgentConfig } from '../../../provision/agent-config.ts';
import type { BrokerCertificate, DeployStackOptions } from '../../../provision/deploy-stack.ts';
import { internalTopics } from '../../events/topics.ts';
import { systemClock } from '../../support/clock.system.ts';
import { type DockerCli, openDockerCli } from '../../support/docker-cli.ts';
import { BrambleError, messageOf } from '../../support/errors.ts';
import { addJson, explain } from '../command.ts';
import { type CliContext, type JsonOption, print } from '../context.ts';
import { parsePort } from '../parse-port.ts';
import { keepPasswords } from '../stack-passwords.ts';
import { parseSeconds } from './deploy.ts';

interface StackFlags extends JsonOption {
  readonly name: string;
}

interface RenderFlags extends StackFlags {
  readonly image: string;
  readonly brokerImage: string;
  readonly port: number;
  readonly brokerPort: number;
  readonly dockerSocket: string;
  readonly mtu?: number;
  readonly config?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

interface DeployFlags extends RenderFlags {
  readonly newPasswords?: boolean;
  readonly timeout: number;
}

const parts = ['stack', 'mosquitto.conf', 'mosquitto.acl'] as const;
const defaultBrokerImage = 'eclipse-mosquitto:2.0.22';

export function addStack(program: Command, context: CliContext): void {
  const stack = program
    .command('stack')
    .description(
      'put Bramble itself on a Docker Swarm: an agent on every node, control on managers, a broker',
    );
  explain(stack, { examples: ['bramble stack deploy --image registry.local:5000/bramble:0.1.0'] });
  addRender(stack, context);
  addDeployStack(stack, context);
  addRemove(stack, context);
}

function addRender(stack: Command, context: CliContext): void {
  const command = addRenderFlags(stack.command('render'), context)
    .description('print the stack, or the configuration of its broker, and change nothing')
    .addArgument(new Argument('[part]', 'what to print').choices(parts).default('stack'))
    .action((part: (typeof parts)[number], flags: RenderFlags) => render(part, flags, context));
  explain(command, {
    examples: [
      'bramble stack render',
      'bramble stack render mosquitto.conf',
      'bramble stack render --image registry.local:5000/bramble:0.1.0 --mtu 1400 --json',
    ],
    json: 'the stack as a Compose file in JSON; { "text": "…" } for another part',
  });
}

async function render(part: (typeof parts)[number], flags: RenderFlags, context: CliContext): Promise<void> {
  const { renderBrokerAccess, renderBrokerConfig } = await import('../../../provision/broker-files.ts');
  const { deviceUser, nameParts } = await import('../../../provision/deploy-stack.ts');
  const { agentUser, renderStack } = await import('../../../provision/stack.ts');
  const { toYaml } = await import('../yaml.ts');
  const options = await readOptions(flags);
  if (part === 'stack') {
    const rendered = renderStack({ ...options, parts: nameParts(options) });
    return print(context, flags, rendered, () => toYaml(rendered));
  }
  const text =
    part === 'mosquitto.conf'
      ? renderBrokerConfig({ isEncrypted: options.certificate !== undefined })
      : renderBrokerAccess({ agentUser, deviceUser, internalTopics });
  print(context, flags, { text }, () => text);
}

function addDeployStack(stack: Command, context: CliContext): void {
  const command = addRenderFlags(stack.command('deploy'), context)
    .description('deploy the stack, or change it to what is asked for, and wait until it is healthy')
    .option('--new-passwords', 'make new passwords for the gateway and the broker')
    .option('--timeout <seconds>', 'wait at most so long; the first time every node pulls', parseSeconds, 600)
    .action((flags: DeployFlags) => deployIt(flags, context));
  explain(command, {
    examples: [
      'bramble stack deploy --image registry.local:5000/bramble:0.1.0',
      'DOCKER_HOST=ssh://pi@pi-01.local bramble stack deploy --config bramble.yaml',
    ],
    json: '{ name, gateway, passwordsFile?, services: [{ name, running, wanted }] }; no password',
  });
}

async function deployIt(flags: DeployFlags, context: CliContext): Promise<void> {
  const { deployStack, namesIn, removeUnused } = await import('../../../provision/deploy-stack.ts');
  const { renderHealth, untilHealthy } = await import('../../../provision/stack-health.ts');
  const docker = openDockerCli(context);
  const say = (text: string) => void context.stderr.write(flags.json ? '' : `${text}\n`);
  const options = await readOptions(flags);
  const user = (await readConfig(flags)).config.gateway.user;
  const place = await findPlace(docker, flags);
  let passwordsFile: string | undefined;
  const stack = await deployStack(docker, {
    ...options,
    internalTopics,
    renewPasswords: flags.newPasswords ?? false,
    keepPasswords: async (passwords) => {
      passwordsFile = await keepPasswords(passwords, { ...place, stackName: flags.name, user }, context);
      say(`the passwords are in ${passwordsFile}`);
    },
    onStep: say,
  });
  const services = await untilHealthy(docker, flags.name, {
    clock: systemClock,
    timeoutMs: flags.timeout * 1000,
    signal: context.signal,
    onChange: (health) => say(renderHealth(health) || 'waiting for the first task'),
  });
  await removeUnused(docker, flags.name, namesIn(stack));
  const { gateway } = place;
  const shown = services.map(({ name, running, wanted }) => ({ name, running, wanted }));
  const result = { name: flags.name, gateway, ...(passwordsFile && { passwordsFile }), services: shown };
  print(
    context,
    flags,
    result,
    () => `the stack ${flags.name} is healthy; its gateway is ${gateway}, on every node\n`,
  );
}

interface Place {
  /** Where this manager serves. */
  readonly gateway: string;
  readonly clusterId: string;
}

async function findPlace(docker: DockerCli, { port }: DeployFlags): Promise<Place> {
  const format = '{{.Swarm.NodeAddr}}\t{{if .Swarm.Cluster}}{{.Swarm.Cluster.ID}}{{end}}';
  const [address = '', clusterId = ''] = (await docker.run(['info', '--format', format])).split('\t');
  if (clusterId === '') {
    throw new BrambleError(
      'CONFLICT',
      'Docker here is not a manager of a Swarm; make it one with docker swarm init, or set DOCKER_HOST to one',
    );
  }
  const host = address.includes(':') ? `[${address}]` : address;
  return { gateway: `http://${host}:${port}`, clusterId };
}

function addRemove(stack: Command, context: CliContext): void {
  const command = addJson(addName(stack.command('remove').alias('rm')))
    .description(
      'remove the stack with its secrets and configs; functions and the volumes with the data stay',
    )
    .action(async (flags: StackFlags) => {
      const { removeStack } = await import('../../../provision/deploy-stack.ts');
      const wasThere = await removeStack(openDockerCli(context), flags.name);
      const outcome = wasThere ? 'removed' : 'not there';
      print(context, flags, { name: flags.name, outcome }, () => `the stack ${flags.name}: ${outcome}\n`);
    });
  explain(command, {
    examples: ['bramble stack remove'],
    json: '{ "name": "bramble", "outcome": "removed" | "not there" }',
  });
}

function addName(command: Command): Command {
  return command.option('--name <name>', 'name of the stack', parseName, 'bramble');
}

function addRenderFlags(command: Command, { version }: CliContext): Command {
  return addJson(addName(command))
    .option('--image <image>', 'image of agent and control', `bramble:${version}`)
    .option('--broker-image <image>', 'image of the MQTT broker', defaultBrokerImage)
    .option('--port <number>', 'port of the gateway on every node', parsePort, 8080)
    .option('--broker-port <number>', 'port of the broker on its node; usual with TLS: 8883', parsePort, 1883)
    .option('--docker-socket <path>', 'where Docker listens on managers', '/var/run/docker.sock')
    .option('--mtu <bytes>', 'largest packet of the overlay network, for narrow paths', parsePort)
    .option('-c, --config <file>', 'configuration of all agents: pins, sensors, gauge')
    .option('--tls-cert <file>', 'certificate of the broker in PEM, for TLS on its port')
    .option('--tls-key <file>', 'the private key to it');
}

type Rendered = Omit<DeployStackOptions, 'internalTopics' | 'renewPasswords' | 'keepPasswords' | 'onStep'>;

async function readOptions(flags: RenderFlags): Promise<Rendered> {
  const { name, image, brokerImage, port, brokerPort, dockerSocket, mtu } = flags;
  return {
    ...{ name, image, brokerImage, brokerPort, dockerSocket, mtu },
    gatewayPort: port,
    agentConfig: (await readConfig(flags)).text,
    certificate: await readCertificate(flags),
  };
}

async function readConfig({ config }: RenderFlags): Promise<AgentConfig> {
  const { readAgentConfig } = await import('../../../provision/agent-config.ts');
  return readAgentConfig(config);
}

async function readCertificate({ tlsCert, tlsKey }: RenderFlags): Promise<BrokerCertificate | undefined> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined)
    throw new BrambleError('INVALID', '--tls-cert and --tls-key go together');
  return { certificate: await readText(tlsCert), key: await readText(tlsKey) };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (err) {
    throw new BrambleError('INVALID', `cannot read ${file}: ${messageOf(err)}`, { cause: err });
  }
}

function parseName(text: string): string {
  if (/^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/.test(text)) return text;
  throw new InvalidArgumentError('It must be small letters, digits and dashes, 32 at most.');
}
