import { createHash, randomBytes } from 'node:crypto';
import { type DockerCli, linesOf } from '../src/support/docker-cli.ts';
import { renderBrokerAccess, renderBrokerConfig, renderBrokerUsers } from './broker-files.ts';
import { shortHash } from './short-hash.ts';
import {
  agentUser,
  brokerLabel,
  renderStack,
  type Stack,
  type StackOptions,
  type StackParts,
} from './stack.ts';

/** Everybody who is no agent: Home Assistant, sensors of other makes, people. */
export const deviceUser = 'device';

export interface BrokerCertificate {
  /** PEM files' contents. */
  readonly certificate: string;
  readonly key: string;
}

export interface DeployStackOptions extends Omit<StackOptions, 'parts' | 'fingerprint'> {
  readonly certificate?: BrokerCertificate | undefined;
  /** Text of the agents' bramble.yaml. */
  readonly agentConfig?: string | undefined;
  readonly internalTopics: readonly string[];
  /** Makes new passwords although there are some. */
  readonly renewPasswords: boolean;
  /** Called when they are made, before the Swarm has them: it gives none back. */
  readonly keepPasswords: (passwords: Passwords) => Promise<void>;
  /** Says what is being done. */
  readonly onStep: (text: string) => void;
}

export interface Passwords {
  readonly gateway: string;
  readonly device: string;
}

/** The label by which our secrets and configs are found again. */
const stackLabel = 'bramble.stack';

/** Gives the Swarm its secrets, configs and the stack that uses them. Twice is the same as once. */
export async function deployStack(docker: DockerCli, options: DeployStackOptions): Promise<Stack> {
  await chooseBrokerNode(docker, options);
  const parts = await storeParts(docker, options);
  const stack = renderStack({ ...options, parts, fingerprint: fingerprintOf(options) });
  options.onStep(`deploying the stack ${options.name}`);
  // YAML contains JSON, so that the file needs no further encoding.
  await docker.run(
    ['stack', 'deploy', '--prune', '--with-registry-auth', '--compose-file', '-', options.name],
    {
      stdin: JSON.stringify(stack),
    },
  );
  return stack;
}

/** Of all that a stack is made from but its passwords: what has the same is the same stack. */
export function fingerprintOf(
  options: Omit<DeployStackOptions, 'renewPasswords' | 'keepPasswords' | 'onStep'>,
): string {
  const { certificate, agentConfig, internalTopics } = options;
  const made = [
    renderStack({ ...options, parts: nameParts(options) }),
    renderBrokerConfig({ isEncrypted: certificate !== undefined }),
    renderBrokerAccess({ agentUser, deviceUser, internalTopics }),
    [agentConfig, certificate],
  ];
  return shortHash(JSON.stringify(made));
}

/** The names that a stack would have for its parts; for printing it without a Swarm. */
export function nameParts(
  options: Pick<DeployStackOptions, 'name' | 'certificate' | 'agentConfig'>,
): StackParts {
  const name = (part: string) => `${options.name}_${part}`;
  return {
    gatewayPassword: name('gateway-password'),
    brokerPassword: name('broker-password'),
    brokerUsers: name('broker-users'),
    brokerConfig: name('mosquitto.conf'),
    brokerAccess: name('mosquitto.acl'),
    ...(options.agentConfig === undefined ? {} : { agentConfig: name('bramble.yaml') }),
    ...(options.certificate === undefined
      ? {}
      : { brokerCertificate: name('broker-certificate'), brokerKey: name('broker-key') }),
  };
}

/**
 * Removes the stack's services, secrets and configs, and its network unless functions are in it: that `docker stack rm`
 * would call a failure. Volumes, and what is in them, stay.
 */
export async function removeStack(docker: DockerCli, name: string): Promise<boolean> {
  const services = await linesOf(docker, ['stack', 'services', '--quiet', name]).catch(() => []);
  if (services.length > 0) await docker.run(['service', 'rm', ...services]);
  const removed = await removeUnused(docker, name, new Set());
  const filter = `label=com.docker.stack.namespace=${name}`;
  const networks = await linesOf(docker, ['network', 'ls', '--quiet', '--filter', filter]);
  for (const network of networks) await docker.run(['network', 'rm', network]).catch(() => {}); // in use
  return services.length > 0 || removed > 0;
}

/** Secrets and configs that no service has any more; the services of an update that still runs keep theirs. */
export async function removeUnused(
  docker: DockerCli,
  stackName: string,
  wanted: ReadonlySet<string>,
): Promise<number> {
  let removed = 0;
  for (const kind of ['secret', 'config'] as const)
    for (const name of await namesOf(docker, kind, stackName)) {
      if (wanted.has(name)) continue;
      const isGone = await docker.run([kind, 'rm', name]).then(
        () => true,
        () => false, // in use
      );
      if (isGone) removed += 1;
    }
  return removed;
}

/** Names of the secrets and configs that a rendered stack uses. */
export function namesIn({ secrets, configs }: Stack): Set<string> {
  const entries = [secrets, configs].flatMap((section) => Object.values(section ?? {}));
  return new Set(entries.flatMap((entry: unknown) => (isNamed(entry) ? [entry.name] : [])));
}

function isNamed(entry: unknown): entry is { readonly name: string } {
  return typeof entry === 'object' && entry !== null && 'name' in entry && typeof entry.name === 'string';
}

/** Its data stay on one node. Where none has the label, it is this manager. */
async function chooseBrokerNode(docker: DockerCli, { onStep }: DeployStackOptions): Promise<void> {
  const nodes = await linesOf(docker, ['node', 'ls', '--quiet']);
  const format = `{{index .Spec.Labels "${brokerLabel}"}}`;
  const labels = await linesOf(docker, ['node', 'inspect', '--format', format, ...nodes]);
  if (labels.includes('true')) return;
  const self = await docker.run(['info', '--format', '{{.Swarm.NodeID}}']);
  onStep(`giving this node the label ${brokerLabel}=true: it keeps the broker's data`);
  await docker.run(['node', 'update', '--label-add', `${brokerLabel}=true`, self]);
}

async function storeParts(docker: DockerCli, options: DeployStackOptions): Promise<StackParts> {
  const { name, certificate, agentConfig, internalTopics } = options;
  const config = (part: string, content: string) => storeByContent(docker, 'config', { name, part, content });
  const brokerConfig = renderBrokerConfig({ isEncrypted: certificate !== undefined });
  const brokerAccess = renderBrokerAccess({ agentUser, deviceUser, internalTopics });
  return {
    ...(await storePasswords(docker, options)),
    brokerConfig: await config('mosquitto.conf', brokerConfig),
    brokerAccess: await config('mosquitto.acl', brokerAccess),
    ...(agentConfig === undefined ? {} : { agentConfig: await config('bramble.yaml', agentConfig) }),
    ...(certificate === undefined ? {} : await storeCertificate(docker, name, certificate)),
  };
}

type PasswordParts = Pick<StackParts, 'gatewayPassword' | 'brokerPassword' | 'brokerUsers'>;

/** They come as a set with one version. A set that is whole is used again. */
async function storePasswords(
  docker: DockerCli,
  { name, renewPasswords, keepPasswords, onStep }: DeployStackOptions,
): Promise<PasswordParts> {
  const present = renewPasswords ? undefined : await findPasswords(docker, name);
  if (present !== undefined) return present;
  onStep('making passwords for the gateway and the broker');
  const version = randomBytes(4).toString('hex');
  const [gateway, agent, device] = [newPassword(), newPassword(), newPassword()];
  await keepPasswords({ gateway, device });
  const users = renderBrokerUsers([
    { user: agentUser, password: agent, salt: randomBytes(12) },
    { user: deviceUser, password: device, salt: randomBytes(12) },
  ]);
  const parts = passwordParts(name, version);
  const store = (partName: string, content: string) =>
    create(docker, 'secret', { stackName: name, name: partName, content });
  await store(parts.gatewayPassword, gateway);
  await store(parts.brokerPassword, agent);
  await store(parts.brokerUsers, users); // the last one: with it the set is whole
  return parts;
}

async function findPasswords(docker: DockerCli, name: string): Promise<PasswordParts | undefined> {
  const prefix = passwordParts(name, '').brokerUsers;
  const found = (await namesOf(docker, 'secret', name)).filter((one) => one.startsWith(prefix));
  const newest = await newestOf(docker, found);
  return newest === undefined ? undefined : passwordParts(name, newest.slice(prefix.length));
}

/** There are several while an update is under way, and after one that was cut off; people have the passwords of the last. */
async function newestOf(docker: DockerCli, secrets: readonly string[]): Promise<string | undefined> {
  if (secrets.length < 2) return secrets[0];
  const format = '{{.CreatedAt.UnixNano}} {{.Spec.Name}}';
  const dated = await linesOf(docker, ['secret', 'inspect', '--format', format, ...secrets]);
  return dated.sort().at(-1)?.split(' ')[1];
}

function passwordParts(name: string, version: string): PasswordParts {
  return {
    gatewayPassword: `${name}_gateway-password-${version}`,
    brokerPassword: `${name}_broker-password-${version}`,
    brokerUsers: `${name}_broker-users-${version}`,
  };
}

async function storeCertificate(docker: DockerCli, name: string, { certificate, key }: BrokerCertificate) {
  const secret = (part: string, content: string) => storeByContent(docker, 'secret', { name, part, content });
  return {
    brokerCertificate: await secret('broker-certificate', certificate),
    brokerKey: await secret('broker-key', key),
  };
}

/** Neither secrets nor configs can be changed, so that another content needs another name. */
async function storeByContent(
  docker: DockerCli,
  kind: 'secret' | 'config',
  { name, part, content }: { name: string; part: string; content: string },
): Promise<string> {
  const full = `${name}_${part}-${createHash('sha256').update(content).digest('hex').slice(0, 8)}`;
  const present = await namesOf(docker, kind, name);
  if (!present.includes(full)) await create(docker, kind, { stackName: name, name: full, content });
  return full;
}

async function create(
  docker: DockerCli,
  kind: 'secret' | 'config',
  { stackName, name, content }: { stackName: string; name: string; content: string },
): Promise<void> {
  await docker.run([kind, 'create', '--label', `${stackLabel}=${stackName}`, name, '-'], { stdin: content });
}

function namesOf(docker: DockerCli, kind: 'secret' | 'config', stackName: string): Promise<string[]> {
  const filter = `label=${stackLabel}=${stackName}`;
  return linesOf(docker, [kind, 'ls', '--filter', filter, '--format', '{{.Name}}']);
}

function newPassword(): string {
  return randomBytes(18).toString('base64url');
}
