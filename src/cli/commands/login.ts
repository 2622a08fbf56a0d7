import type { Command } from 'commander';
import { BrambleError } from '../../support/errors.ts';
import { addAddress, addGateway, explain } from '../command.ts';
import { type AddressOptions, chooseGateway, findWay, type GatewayOptions } from '../connection.ts';
import { type CliContext, type JsonOption, print } from '../context.ts';
import { addressOf, openGateway } from '../gateway.ts';
import { askHidden, readStdinText } from '../input.ts';
import { loginFile, removeLogin, saveLogin } from '../logins.ts';

export function addLogin(program: Command, context: CliContext): void {
  const login = addGateway(program.command('login'))
    .description('keep user and password of a gateway in ~/.bramble/config.yml, readable by you alone')
    .action((options: GatewayOptions) => logIn(options, context));
  explain(login, {
    examples: ['bramble login -g http://pi-01.local:8080', 'cat password | bramble login --password-stdin'],
    json: '{ "gateway": "http://…", "user": "admin", "outcome": "logged in" }',
  });

  const logout = addAddress(program.command('logout'))
    .description('forget the password of a gateway')
    .action(async (options: AddressOptions & JsonOption) => {
      const gateway = addressOf(await chooseGateway(options, context.env));
      const wasThere = await removeLogin(loginFile(context), gateway);
      const outcome = wasThere ? 'logged out' : 'was not logged in';
      print(context, options, { gateway, outcome }, () => `${gateway}: ${outcome}\n`);
    });
  explain(logout, {
    examples: ['bramble logout -g http://pi-01.local:8080'],
    json: '{ "gateway": "http://…", "outcome": "logged out" }',
  });
}

/** The password is tried before it is kept. */
async function logIn(options: GatewayOptions, context: CliContext): Promise<void> {
  const url = await chooseGateway(options, context.env);
  const user = options.user ?? (context.env.BRAMBLE_USER || 'admin');
  const password = await askPassword(options, context);
  const credentials = { user, password, source: options.passwordStdin ? 'standard input' : 'the prompt' };
  const { openWay } = await findWay(url, context);
  await openGateway({ url, credentials, openWay }, context.signal).ask('GET', '/system/functions');
  const gateway = addressOf(url);
  await saveLogin(loginFile(context), gateway, credentials);
  print(
    context,
    options,
    { gateway, user, outcome: 'logged in' },
    () => `${gateway}: logged in as ${user}\n`,
  );
}

async function askPassword({ passwordStdin }: GatewayOptions, context: CliContext): Promise<string> {
  const canAsk = context.stdin.isTTY && !passwordStdin;
  if (!canAsk && !passwordStdin) {
    throw new BrambleError(
      'INVALID',
      'there is no terminal to ask for the password; pipe it into --password-stdin',
    );
  }
  const password = (
    canAsk ? await askHidden('Password: ', context) : await readStdinText(context.stdin)
  ).trim();
  if (password === '') throw new BrambleError('INVALID', 'the password is empty');
  return password;
}
