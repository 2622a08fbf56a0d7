import type { Command } from 'commander';
import { toBrambleError } from '../../support/errors.ts';
import { addGateway, explain } from '../command.ts';
import { connect, type GatewayOptions } from '../connection.ts';
import { type CliContext, print } from '../context.ts';
import { fieldOf, textOf } from '../json.ts';
import { renderFacts } from '../table.ts';

export function addVersion(program: Command, context: CliContext): void {
  const command = addGateway(program.command('version'))
    .description('print the versions of this program and of the gateway')
    .action(async (options: GatewayOptions) => {
      const versions = {
        client: { version: context.version, node: process.version },
        gateway: await ask(options, context),
      };
      print(context, options, versions, () =>
        renderFacts([
          ['Client', `${context.version} on Node.js ${process.version}`],
          ['Gateway', renderGateway(versions.gateway)],
        ]),
      );
    });
  explain(command, {
    examples: ['bramble version', 'bramble version --json'],
    json: '{ client: { version, node }, gateway: { version, orchestration, provider } | { error } }',
  });
}

/** Without a gateway there is still a client to tell about: what went wrong stands in the gateway's place. */
async function ask(options: GatewayOptions, context: CliContext): Promise<Record<string, string>> {
  try {
    const gateway = await connect(context, options);
    const info = await gateway.ask('GET', '/system/info');
    const provider = fieldOf(info, 'provider');
    return {
      version: textOf(fieldOf(info, 'version'), 'release'),
      orchestration: textOf(provider, 'orchestration'),
      provider: textOf(provider, 'provider'),
    };
  } catch (err) {
    return { error: toBrambleError(err).message };
  }
}

function renderGateway({ error, version, provider, orchestration }: Record<string, string>): string {
  return error ?? `${version} (${provider}, ${orchestration})`;
}
