import { type Command, Option } from 'commander';
import { explain } from '../command.ts';
import type { CliContext } from '../context.ts';
import { addAgentFlags, toFlags } from './agent.ts';

type ConfigOptions = Parameters<typeof toFlags>[0] & { readonly schema?: boolean; readonly json?: boolean };

export function addConfig(program: Command, context: CliContext): void {
  const config = addAgentFlags(program.command('config'))
    .description('print the configuration that an agent would run with, secrets hidden')
    .addOption(new Option('--print', 'print the configuration; the default').conflicts('schema'))
    .option('--schema', 'print the JSON Schema of bramble.yaml, for editors')
    .option('--json', 'print JSON instead of YAML; errors too, on standard error')
    .action(async (options: ConfigOptions) => {
      context.stdout.write(options.schema ? await schemaText() : await configText(options, context));
    });
  explain(config, {
    examples: [
      'bramble config --print',
      'bramble config --schema > bramble.schema.json',
      'BRAMBLE_GATEWAY__PORT=9090 bramble config --json',
    ],
    json: 'the configuration as an object, every default filled in',
  });
}

/** For editors: what bramble.yaml may say. */
export async function schemaText(): Promise<string> {
  const { FileSchema } = await import('../../config/file-schema.ts');
  return toJson({ $schema: 'http://json-schema.org/draft-07/schema#', ...FileSchema });
}

async function configText(options: ConfigOptions, { env }: CliContext): Promise<string> {
  const { loadConfig } = await import('../../config/load.ts');
  const { redact } = await import('../../config/redact.ts');
  const { toYaml } = await import('../yaml.ts');
  const { configFile, overrides } = await toFlags(options, env, false);
  const { config, file } = loadConfig({ file: configFile, defaultFile: 'bramble.yaml', env, overrides });
  const shown = redact(config);
  return options.json
    ? toJson(shown)
    : `# ${file ?? 'no file: defaults, environment and flags'}\n${toYaml(shown)}`;
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
