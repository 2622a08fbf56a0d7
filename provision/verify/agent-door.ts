import type { Clock } from '../../src/support/clock.ts';
import type { DockerCli } from '../../src/support/docker-cli.ts';
import { BrambleError } from '../../src/support/errors.ts';
import { poll } from '../poll.ts';
import { dockerOf } from '../remote/docker.remote.ts';
import type { Remote } from '../remote/remote.ts';
import { gatewayPasswordFile } from '../stack.ts';

export interface GatewayCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Seen from the agent's container; its own gateway is `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly body?: object;
  /** What came until then is the answer; a stream has no end of its own. */
  readonly withinMs: number;
}

export interface GatewayAnswer {
  /** 0 where there was none in time. */
  readonly status: number;
  /** Of no answer, why. */
  readonly body: string;
}

/** Asks gateways from inside of a node's agent, which has Node.js and the password. */
export interface AgentDoor {
  ask(call: GatewayCall): Promise<GatewayAnswer>;
}

export interface OpenDoorOptions {
  /** The service whose container it is: `bramble_agent`. */
  readonly service: string;
  /** Of the gateway. */
  readonly user: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** On a node that has just joined, Docker starts the agent some seconds later. */
const startsWithinMs = 60_000;

/** Run by Node.js in the container; the call is on standard input, and no secret leaves the container. */
const program = `
const { readFileSync } = await import('node:fs');
const { method, url, body, withinMs, user, passwordFile } = JSON.parse(readFileSync(0, 'utf8'));
const password = readFileSync(passwordFile, 'utf8').trim();
const headers = { authorization: 'Basic ' + Buffer.from(user + ':' + password).toString('base64') };
if (body) headers['content-type'] = 'application/json';
const answer = { status: 0, body: '' };
try {
  const signal = AbortSignal.timeout(withinMs);
  const response = await fetch(url, { method, headers, signal, body: body && JSON.stringify(body) });
  answer.status = response.status;
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) answer.body += decoder.decode(chunk, { stream: true });
} catch (err) {
  if (answer.status === 0) answer.body = String(err.cause?.message ?? err.message);
}
process.stdout.write(JSON.stringify(answer), () => process.exit());
`;

/** Rejects REMOTE_FAILED where no container of the service runs, after waiting for it. */
export async function openAgentDoor(
  remote: Remote,
  { service, user, clock, signal }: OpenDoorOptions,
): Promise<AgentDoor> {
  const docker = dockerOf(remote, signal);
  const container = await poll(() => findContainer(docker, service), {
    clock,
    timeoutMs: startsWithinMs,
    signal,
  });
  if (container === undefined)
    throw new BrambleError(
      'REMOTE_FAILED',
      `${remote.name}: no container of ${service} runs; see docker service ps --no-trunc ${service}`,
    );
  return {
    ask: async (call) => {
      const said = await docker.run(
        ['exec', '--interactive', container, 'node', '--input-type=module', '--eval', program],
        { stdin: JSON.stringify({ ...call, user, passwordFile: gatewayPasswordFile }) },
      );
      return parseAnswer(said);
    },
  };
}

async function findContainer(docker: DockerCli, service: string): Promise<string | undefined> {
  const filter = `label=com.docker.swarm.service.name=${service}`;
  const found = await docker.run(['ps', '--quiet', '--filter', filter, '--filter', 'status=running']);
  return found.split('\n')[0] || undefined;
}

function parseAnswer(said: string): GatewayAnswer {
  const { status, body }: GatewayAnswer = JSON.parse(said);
  return { status, body };
}
