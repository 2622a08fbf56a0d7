import { BrambleError } from '../support/errors.ts';
import type { CliContext, Environment, JsonOption } from './context.ts';
import { findCredentials } from './credentials.ts';
import { type Gateway, openGateway } from './gateway.ts';
import { readLocalAgent } from './local-agent.ts';

export const defaultGateway = 'http://127.0.0.1:8080';

export interface AddressOptions {
  readonly gateway?: string;
}

export interface GatewayOptions extends AddressOptions, JsonOption {
  readonly user?: string;
  readonly passwordStdin?: boolean;
}

export interface ConnectOptions extends GatewayOptions {
  /** `provider.gateway` of the stack file that the command reads. */
  readonly stackGateway?: string | undefined;
}

/** The gateway a command talks to, with the credentials that fit its address. */
export async function connect(context: CliContext, options: ConnectOptions): Promise<Gateway> {
  const url = await chooseGateway(options, context.env);
  const credentials = await findCredentials(url, options, context);
  return openGateway({ url, credentials }, context.signal);
}

/** Without credentials: for functions, which must not be shown the password of the gateway. */
export async function connectAnonymously(context: CliContext, options: AddressOptions): Promise<Gateway> {
  return openGateway({ url: await chooseGateway(options, context.env) }, context.signal);
}

/** Flag, else environment, else stack file, else the agent that is configured in this folder, else this machine's. */
export async function chooseGateway(
  options: AddressOptions & Pick<ConnectOptions, 'stackGateway'>,
  env: Environment,
): Promise<URL> {
  const candidates = [
    { text: options.gateway, source: '--gateway' },
    { text: env.BRAMBLE_GATEWAY, source: 'BRAMBLE_GATEWAY' },
    { text: env.OPENFAAS_URL, source: 'OPENFAAS_URL' },
    { text: options.stackGateway, source: "the stack file's provider.gateway" },
  ];
  const chosen = candidates.find(({ text }) => text !== undefined && text !== '');
  if (chosen?.text !== undefined) return parseGateway(chosen.text, chosen.source);
  const local = await readLocalAgent(env);
  return parseGateway(local?.address ?? defaultGateway, 'gateway.host in the configuration');
}

function parseGateway(text: string, source: string): URL {
  const full = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new BrambleError('INVALID', `${source} must be an address such as ${defaultGateway}, not ${text}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new BrambleError(
      'INVALID',
      `${source} must not carry a user and a password, which others on this machine could read; ` +
        'use bramble login, or BRAMBLE_USER and BRAMBLE_PASSWORD',
    );
  }
  return url;
}
