import { topics } from '../../../src/events/topics.ts';
import type { MemoryHost } from './memory-host.ts';
import { describeNode, findNode, type MemoryNode, type MemorySwarm } from './memory-swarm.ts';

/** What `docker …` prints on a host; throws what it says when it fails. */
export function answerDocker(host: MemoryHost, args: readonly string[], stdin: string): string {
  const [noun = '', verb = '', ...rest] = args;
  const words = rest.filter((word) => !word.startsWith('-'));
  switch (noun) {
    case 'bramble-swarm':
      return readSwarm(managed(host));
    case 'info':
      return host.node?.id ?? '';
    case 'node':
      return node(managed(host), verb, rest);
    case 'stack':
      return stack(managed(host), verb, stdin);
    case 'service':
      return service(managed(host), verb, rest);
    case 'secret':
    case 'config':
      return part(noun === 'secret' ? managed(host).secrets : managed(host).configs, verb, words);
    case 'load':
      host.images.add('loaded:latest');
      return 'Loaded image: loaded:latest\n';
    case 'build':
      host.images.add(imageOf(args));
      return '';
    case 'tag':
      host.images.add(args.at(-1) ?? '');
      return '';
    case 'push':
      if (!host.images.has(verb)) throw new Error(`An image does not exist locally: ${verb}`);
      registryOf(host, verb).add(verb.split('/')[1] ?? '');
      return '';
    case 'pull':
      if (host.hostAt(verb.split('/')[0] ?? '') !== undefined) requireImage(host, verb);
      host.images.add(verb);
      return '';
    case 'ps':
      return host.swarm?.services.has('bramble_agent') ? 'container' : '';
    case 'exec':
      return exec(host, JSON.parse(stdin));
    default:
      throw new Error(`docker ${args.join(' ')} is not known here`);
  }
}

/** The one that `docker build` shall make. */
export function imageOf(args: readonly string[]): string {
  return args[args.indexOf('--tag') + 1] ?? '';
}

function managed(host: MemoryHost): MemorySwarm {
  if (host.swarm === undefined || host.node?.role !== 'manager')
    throw new Error('This node is not a swarm manager.');
  if (!host.hasQuorum) throw new Error('The swarm does not have a leader.');
  return host.swarm;
}

function readSwarm({ nodes, services, updates }: MemorySwarm): string {
  return [
    ...[...nodes.values()].map((one) => `node\t${JSON.stringify(describeNode(one))}`),
    ...[...services.keys()].map((name) => `task\t${taskOf(name)}`),
    ...[...services].map(([name, fingerprint]) =>
      ['service', name, fingerprint, updates.get(name) ?? ''].join('\t'),
    ),
  ].join('\n');
}

/** As `docker service ps` writes it for us. */
function taskOf(service: string): string {
  return `task-of-${service}\t${service}.1\tpi-01\tRunning\tRunning 1 hour ago\t`;
}

function service({ services, updates }: MemorySwarm, verb: string, args: readonly string[]): string {
  const names = args.filter((word) => services.has(word));
  const isOfUpdate = args.some((word) => word.includes('.UpdateStatus'));
  if (verb === 'ps') return names.map(taskOf).join('\n');
  if (verb === 'inspect' && isOfUpdate)
    return names.map((name) => `${name}\t${updates.get(name) ?? ''}\t`).join('\n');
  return '';
}

function node(swarm: MemorySwarm, verb: string, args: readonly string[]): string {
  const name = args.at(-1) ?? '';
  switch (verb) {
    case 'ls':
      return [...swarm.nodes.values()].map((one) => listed(one, args)).join('\n');
    case 'inspect':
      return inspect(swarm, args);
    case 'promote':
      findNode(swarm, name).role = 'manager';
      return '';
    case 'demote':
      findNode(swarm, name).role = 'worker';
      return '';
    case 'rm':
      swarm.nodes.delete(findNode(swarm, name).id);
      return '';
    case 'update':
      relabel(swarm, args);
      return '';
    default:
      throw new Error(`docker node ${verb} is not known here`);
  }
}

function listed({ id, role, isReady }: MemoryNode, args: readonly string[]): string {
  if (!args.includes('--format')) return id;
  return `${id} ${isReady() ? 'Ready' : 'Down'} ${role === 'manager' ? 'Reachable' : ''}`;
}

function inspect(swarm: MemorySwarm, [, format = '', ...names]: readonly string[]): string {
  return names
    .map((name) => {
      const one = findNode(swarm, name);
      const state = one.isReady() ? 'ready' : 'down';
      if (format.includes('Labels')) return one.labels.get('bramble.broker') ?? '';
      if (!format.includes('Reachability')) return state;
      return `${state} ${one.role === 'manager' ? 'reachable' : ''}`;
    })
    .join('\n');
}

function relabel(swarm: MemorySwarm, args: readonly string[]): void {
  const { labels } = findNode(swarm, args.at(-1) ?? '');
  for (const [i, flag] of args.entries()) {
    const [key = '', value = ''] = (args[i + 1] ?? '').split('=');
    if (flag === '--label-add') labels.set(key, value);
    if (flag === '--label-rm') labels.delete(key);
  }
}

interface Compose {
  readonly services: Readonly<
    Record<
      string,
      { readonly image: string; readonly deploy: { readonly labels: Readonly<Record<string, string>> } }
    >
  >;
}

function stack(swarm: MemorySwarm, verb: string, stdin: string): string {
  if (verb === 'services') return [...swarm.services.keys()].join('\n');
  const { services }: Compose = JSON.parse(stdin);
  const isBroken = Object.values(services).some(({ image }) => swarm.brokenImages.has(image));
  for (const [name, { deploy }] of Object.entries(services)) {
    if (isBroken) swarm.updates.set(`bramble_${name}`, 'rollback_completed');
    else swarm.updates.delete(`bramble_${name}`);
    if (!isBroken) swarm.services.set(`bramble_${name}`, deploy.labels['bramble.fingerprint'] ?? '');
  }
  return '';
}

function part(parts: Set<string>, verb: string, words: readonly string[]): string {
  const [name = ''] = words.filter((word) => !word.includes('=')); // what is left of the flags
  if (verb === 'create') parts.add(name);
  if (verb === 'rm') throw new Error(`${name} is in use`);
  return verb === 'ls' ? [...parts].reverse().join('\n') : '';
}

/** Of the cluster's own registry; others have every image. */
function requireImage(host: MemoryHost, reference: string): void {
  if (!registryOf(host, reference).has(reference.split('/')[1] ?? '')) throw new Error('manifest unknown');
}

/** Images of the registry that a reference begins with. */
function registryOf(host: MemoryHost, reference: string): Set<string> {
  const [address = ''] = reference.split('/');
  const registry = host.hostAt(address)?.registry;
  if (registry === undefined || !host.trusted.has(address)) throw new Error('no basic auth credentials');
  return registry.images;
}

interface GatewayCall {
  readonly method: string;
  readonly url: string;
  readonly body?: { readonly service?: string; readonly functionName?: string; readonly envVars?: object };
}

/** A gateway, asked from inside of the agent. */
function exec({ name, swarm }: MemoryHost, { method, url, body = {} }: GatewayCall): string {
  const answer = (status: number, said = '') => JSON.stringify({ status, body: said });
  if (swarm === undefined) return answer(0, 'no network');
  if (url.includes('/bramble/events')) {
    const said = [
      { topic: topics.status(name), data: 'online' },
      { topic: topics.load(name), data: {} },
    ];
    return answer(200, said.map((message) => `data: ${JSON.stringify(message)}\n\n`).join(''));
  }
  if (method === 'POST') {
    const word = /end\('(.*?)'\)/.exec(decodeURIComponent(JSON.stringify(body.envVars)))?.[1] ?? '';
    swarm.functions.set(body.service ?? '', word);
    return answer(202);
  }
  if (method === 'DELETE') return answer(swarm.functions.delete(body.functionName ?? '') ? 202 : 404);
  return answer(200, swarm.functions.get(url.split('/').at(-1) ?? ''));
}
