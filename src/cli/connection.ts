import { BrambleError } from '../support/errors.ts';
import type { CliContext, Environment, JsonOption } from './context.ts';
import { type FindElsewhere, findCredentials } from './credentials.ts';
import { type Connection, type Gateway, openGateway } from './gateway.ts';
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
  const { openWay, findPassword } = await findWay(url, context);
  const credentials = await findCredentials(url, options, context, findPassword);
  return openGateway({ url, credentials, openWay }, context.signal);
}

/** Without credentials: for functions, which must not be shown the password of the gateway. */
export async function connectAnonymously(context: CliContext, options: AddressOptions): Promise<Gateway> {
  const url = await chooseGateway(options, context.env);
  const { openWay } = await findWay(url, context);
  return openGateway({ url, openWay }, context.signal);
}

interface Way extends Pick<Connection, 'openWay'> {
  readonly findPassword?: FindElsewhere;
}

/** What is special of an address that leads through SSH. Nothing is opened yet. */
export async function findWay(url: URL, context: CliContext): Promise<Way> {
  if (url.protocol !== 'ssh:') return {};
  const { SshGateway } = await import('./ssh-gateway.ts');
  const gateway = new SshGateway(url, context);
  return { openWay: () => gateway.open(), findPassword: () => gateway.findPassword() };
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
  if (url?.protocol === 'ssh:') return checkSsh(url, source);
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new BrambleError(
      'INVALID',
      `${source} must be an address such as ${defaultGateway} or ssh://pi@pi-01.local, not ${text}`,
    );
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

/** Who logs in is no secret; what begins with a dash would be an option of `ssh`. */
function checkSsh(url: URL, source: string): URL {
  const { username, password, hostname, pathname, search } = url;
  const isPlain = /^(\w[\w.-]*)?$/.test(username) && /^([\w][\w.-]*|\[[\da-fA-F:.]+\])$/.test(hostname);
  if (isPlain && password === '' && ['', '/'].includes(pathname) && /^(\?port=\d{1,5})?$/.test(search))
    return url;
  throw new BrambleError(
    'INVALID',
    `${source} must be of the form ssh://user@host:port where it leads through SSH, with ?port=9080 at its end if the gateway does not listen on 8080 there; it has neither password nor path`,
  );
}
