import { createInterface } from 'node:readline';
import { stackName } from '../../../provision/phases/stack.ts';
import { remoteOf } from '../../../provision/remote/remote.ts';
import { openRemotes } from '../../../provision/up/connect.ts';
import { BrambleError } from '../../support/errors.ts';
import type { CliContext, JsonOption } from '../context.ts';
import { printable } from '../table.ts';
import { findNode, readCluster, sudoPasswordFor } from './read-cluster.ts';

export interface NodeLogsOptions extends JsonOption {
  readonly config: string;
  readonly follow?: boolean;
  readonly tail?: number;
  /** RFC 3339. */
  readonly since?: string;
}

/** `$1` is the service; of its containers here the newest tells, also one that has ended. The rest is for `docker logs`. */
const script = `
set -e
container=$(docker ps --all --latest --quiet --filter "label=com.docker.swarm.service.name=$1")
shift
[ -n "$container" ] || { echo none; exit; }
echo found
exec docker logs --timestamps "$@" "$container" 2>&1
`;

/** What the agent of a node logs, read on the node itself: it needs neither a manager nor a gateway. */
export async function printNodeLogs(
  name: string,
  options: NodeLogsOptions,
  context: CliContext,
): Promise<void> {
  const inventory = readCluster(options, context);
  const node = findNode(inventory, name);
  const { env, home, signal } = context;
  const asking = { ...context, json: options.json ?? false };
  const sudoPassword = sudoPasswordFor(inventory, asking);
  const remotes = await openRemotes({ ...inventory, nodes: [node] }, { env, home, sudoPassword });
  try {
    const command = ['sh', '-c', script, 'sh', `${stackName}_agent`, ...flagsFor(options)];
    const stream = await remoteOf(remotes.byName, name).pipe(command, { as: 'root', signal });
    stream.end();
    const lines = createInterface(stream)[Symbol.asyncIterator]();
    const first = await lines.next();
    if (first.value !== 'found')
      throw new BrambleError('NOT_FOUND', `no agent was ever on ${name}; bramble up brings it there`);
    for await (const line of lines) context.stdout.write(renderLine(name, line, options));
  } finally {
    await remotes.close();
  }
}

function flagsFor({ follow, tail, since }: NodeLogsOptions): string[] {
  return [
    ...(follow ? ['--follow'] : []),
    ...(tail === undefined ? [] : ['--tail', String(tail)]),
    ...(since === undefined ? [] : ['--since', since]),
  ];
}

function renderLine(node: string, line: string, { json }: JsonOption): string {
  const [, timestamp = '', text = ''] = /^(\S+) (.*)$/.exec(line) ?? [];
  return json
    ? `${JSON.stringify({ node, timestamp, text })}\n`
    : `${printable(`${timestamp} ${node} ${text}`)}\n`;
}
