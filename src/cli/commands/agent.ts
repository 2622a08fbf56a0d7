import type { Command } from 'commander';
import { BrambleError } from '../../support/errors.ts';
import { explain } from '../command.ts';
import type { AgentFlags, CliContext, Environment } from '../context.ts';

interface AgentOptions {
  readonly config?: string;
  readonly node?: string;
  readonly port?: string;
  readonly mqttUrl?: string;
  readonly dataDir?: string;
  readonly set: readonly string[];
}

export function addAgentCommands(program: Command, context: CliContext): void {
  const run = async (options: AgentOptions, isDemo: boolean) =>
    context.setExit(await context.runAgent(await toFlags(options, context.env, isDemo)));

  const dev = addAgentFlags(program.command('dev'))
    .description('run a whole bramble on this machine: simulated pins and sensors, a broker of its own')
    .action((options: AgentOptions) => run(options, true));
  explain(dev, { examples: ['bramble dev', 'bramble dev --port 9090 --data-dir /tmp/bramble'] });

  const agent = addAgentFlags(program.command('agent'))
    .description('run an agent as configured: real pins, real sensors; what a Pi runs as its service')
    .action((options: AgentOptions) => run(options, false));
  explain(agent, {
    examples: [
      'bramble agent --config /etc/bramble/bramble.yaml',
      'bramble agent --mqtt-url mqtt://broker.local:1883 --node pi-01',
      'bramble agent --set motion.gpio=27 --set gauge.brightness=5',
    ],
  });
}

/** Flags that say how an agent is configured; doctor and config take them too, to speak of the same agent. */
export function addAgentFlags(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration file (default: bramble.yaml, if there is one)')
    .option('--node <name>', 'name of this node (default: the host name)')
    .option('--port <number>', 'port of the gateway (default: 8080)')
    .option('--mqtt-url <url>', 'MQTT broker: embedded, mqtt://host:1883, mqtts://host:8883')
    .option('--data-dir <folder>', 'folder for events, functions and secrets (default: data)')
    .option('--set <key=value>', 'set any configuration key: motion.debounceMs=20 (repeatable)', collect, []);
}

/** Flags as the tree that the configuration is; every value is checked where the configuration is loaded. */
export async function toFlags(options: AgentOptions, env: Environment, isDemo: boolean): Promise<AgentFlags> {
  const { parseSetting, setAt } = await import('../../config/load.ts');
  const overrides: Record<string, unknown> = {};
  for (const { key, text } of [...options.set.map(splitSetting), ...shorthands(options)]) {
    const path = key.split('.');
    setAt(overrides, path, parseSetting(path, text));
  }
  const configFile = options.config ?? (env.BRAMBLE_CONFIG || undefined);
  return { overrides, isDemo, ...(configFile === undefined ? {} : { configFile }) };
}

interface Setting {
  readonly key: string;
  readonly text: string;
}

function shorthands({ node, port, mqttUrl, dataDir }: AgentOptions): Setting[] {
  const settings = { 'node.name': node, 'gateway.port': port, 'mqtt.url': mqttUrl, dataDir };
  return Object.entries(settings).flatMap(([key, text]) => (text === undefined ? [] : [{ key, text }]));
}

function splitSetting(setting: string): Setting {
  const at = setting.indexOf('=');
  if (at > 0) return { key: setting.slice(0, at), text: setting.slice(at + 1) };
  throw new BrambleError('INVALID', `--set takes key=value such as motion.debounceMs=20, not ${setting}`);
}

export function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
