import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stackName } from '../../provision/phases/stack.ts';
import { knownHostsOf } from '../../provision/project-folder.ts';
import { SshRemote } from '../../provision/remote/remote.ssh.ts';
import { BrambleError } from '../support/errors.ts';
import type { CliContext } from './context.ts';
import type { Credentials } from './gateway.ts';
import { fieldOf, textOf } from './json.ts';
import { findLogin, loginFiles } from './logins.ts';
import { passwordsFile } from './stack-passwords.ts';

/** Where the gateway of a cluster listens on every node, unless told. */
const usualPort = 8080;

/** The gateway of a node whose address is `ssh://pi@pi-01.local`: through one SSH connection, which ends with the command. */
export class SshGateway {
  readonly #url: URL;
  readonly #context: CliContext;
  #connection: Promise<{ readonly remote: SshRemote; readonly folder: string }> | undefined;
  #way: Promise<string> | undefined;

  constructor(url: URL, context: CliContext) {
    this.#url = url;
    this.#context = context;
  }

  get #gatewayPort(): number {
    return Number(this.#url.searchParams.get('port') ?? usualPort);
  }

  /** Resolves to the socket file that leads there; only this user can open it. */
  open(): Promise<string> {
    this.#way ??= this.#forward();
    return this.#way;
  }

  /** A login for the node itself, or the password that was kept when this cluster came up. */
  async findPassword(): Promise<Credentials | undefined> {
    const plain = `http://${this.#url.hostname}:${this.#gatewayPort}`;
    for (const file of loginFiles(this.#context)) {
      const login = await findLogin(file, plain);
      if (login !== undefined) return login;
    }
    const clusterId = await this.#readClusterId();
    return clusterId === ''
      ? undefined
      : readPasswords(passwordsFile({ stackName, clusterId }, this.#context));
  }

  async #forward(): Promise<string> {
    const { remote, folder } = await this.#connect();
    const socket = join(folder, 'gateway');
    await remote.forwardTo({ socket, there: this.#gatewayPort });
    return socket;
  }

  /** Managers tell it; with the rights that the login has, and no password is asked for. */
  async #readClusterId(): Promise<string> {
    const { remote } = await this.#connect();
    const command = ['docker', 'info', '--format', '{{if .Swarm.Cluster}}{{.Swarm.Cluster.ID}}{{end}}'];
    const { signal } = this.#context;
    const asUser = await remote.run(command, { accept: [1, 127], signal });
    if (asUser.status === 0 && asUser.stdout.trim() !== '') return asUser.stdout.trim();
    const asRoot = await remote.run(command, { as: 'root', accept: [1, 127], signal }).catch(() => undefined);
    return asRoot?.status === 0 ? asRoot.stdout.trim() : '';
  }

  #connect() {
    this.#connection ??= this.#open();
    return this.#connection;
  }

  async #open() {
    const { home, env, signal } = this.#context;
    const { hostname, username, port } = this.#url;
    const project = knownHostsOf('bramble.yaml');
    // Sockets have short paths (unix(7)), and the folder for temporary files of a Mac is a long one.
    const folder = await mkdtemp('/tmp/bramble-gw-');
    const remote = new SshRemote(
      {
        ...{ name: hostname.replace(/^\[|\]$/g, ''), host: hostname.replace(/^\[|\]$/g, '') },
        user: username === '' ? undefined : username,
        port: port === '' ? undefined : Number(port),
        knownHosts: [...(existsSync(project) ? [project] : []), join(home, '.ssh', 'known_hosts')],
      },
      { socketFolder: folder, sudoPassword: refusePassword, env },
    );
    this.#context.holdExit();
    this.#context.atEnd(async () => {
      await remote.close();
      await rm(folder, { recursive: true, force: true });
    });
    await remote.connect({ signal });
    return { remote, folder };
  }
}

function refusePassword(node: string): Promise<string> {
  return Promise.reject(new BrambleError('UNAUTHORIZED', `${node}: sudo asks for a password`));
}

/** `undefined` where the cluster did not come up from here. */
async function readPasswords(file: string): Promise<Credentials | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { parseYaml } = await import('./yaml.ts');
  const gateway = fieldOf(parseYaml(text), 'gateway');
  const [user, password] = [textOf(gateway, 'user'), textOf(gateway, 'password')];
  return user === '' || password === '' ? undefined : { user, password, source: file };
}
