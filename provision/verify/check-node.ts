import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path/posix';
import type { Clock } from '../../src/support/clock.ts';
import { BrambleError } from '../../src/support/errors.ts';
import type { InventoryNode } from '../inventory.ts';
import { poll } from '../poll.ts';
import { mapBounded } from '../up/map-bounded.ts';
import type { AgentDoor, GatewayAnswer } from './agent-door.ts';
import { missingSigns, parseMessages, type SignOptions } from './signs-of-life.ts';

export interface CheckOptions extends SignOptions {
  readonly node: Pick<InventoryNode, 'name' | 'hardware'>;
  /** Of the agent; a function is made of it, because every node has it. */
  readonly image: string;
  /** Of the function, which nothing else is called. */
  readonly functionName: string;
  /** Gateways that must be able to call it: this node's own, and another's. */
  readonly gateways: readonly string[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const ownGateway = 'http://127.0.0.1:8080';
/** A sensor is read every 10 s, a PIR trusted after a minute. */
const signsWithinMs = 90_000;
/** What is retained comes at once. */
const lookMs = 1_500;
const functionWithinMs = 90_000;
const callMs = 20_000;

/** Looks for what a node that works says of itself. Rejects FUNCTION_UNREADY with what is missing. */
export async function seeSignsOfLife(door: AgentDoor, options: CheckOptions): Promise<void> {
  const { node, clock, signal } = options;
  // All that a node says is where its status is.
  const filter = encodeURIComponent(`${dirname(options.topics.status(node.name))}/#`);
  const url = `${ownGateway}/bramble/events?filter=${filter}`;
  const look = async () => {
    const answer = await door.ask({ method: 'GET', url, withinMs: lookMs });
    return { answer, missing: missingSigns(node, parseMessages(answer.body), options) };
  };
  const { answer, missing } = await poll(look, {
    ...{ clock, timeoutMs: signsWithinMs, signal },
    isEnough: ({ missing }) => missing.length === 0,
  });
  if (missing.length > 0)
    throw new BrambleError(
      'FUNCTION_UNREADY',
      answer.status === 200
        ? `${node.name} does not ${missing.join(', nor ')}; see docker service logs of its agent`
        : `${node.name}: its gateway does not tell what happens: ${told(answer)}`,
    );
}

/**
 * Deploys a function that runs on this node only, calls it through each gateway, and removes it in any case. Rejects
 * FUNCTION_UNREADY with the gateway's last answer.
 */
export async function callFunction(door: AgentDoor, options: CheckOptions): Promise<void> {
  const { functionName, gateways, node } = options;
  await removeFunction(door, functionName); // of a check that was interrupted
  const word = randomUUID();
  const deployed = await door.ask({
    method: 'POST',
    url: `${ownGateway}/system/functions`,
    body: specOf(options, word),
    withinMs: callMs,
  });
  if (deployed.status !== 202)
    throw new BrambleError(
      'FUNCTION_UNREADY',
      `${node.name}: a function cannot be deployed: ${told(deployed)}`,
    );
  try {
    await mapBounded(gateways, gateways.length, (gateway) =>
      untilAnswered(door, { ...options, gateway, word }),
    );
  } finally {
    await removeFunction(door, functionName);
  }
}

async function removeFunction(door: AgentDoor, functionName: string): Promise<void> {
  await door.ask({
    method: 'DELETE',
    url: `${ownGateway}/system/functions`,
    body: { functionName },
    withinMs: callMs,
  });
}

/** Node.js runs what NODE_OPTIONS names before its program, to which it never gets here. */
function specOf({ functionName, image, node }: CheckOptions, word: string) {
  const server = `import{createServer}from'node:http';createServer((q,s)=>s.end('${word}')).listen(8080);await new Promise(()=>{})`;
  return {
    service: functionName,
    image,
    envVars: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(server)}` },
    constraints: [`node.hostname == ${node.name}`],
    // What may be frozen runs without the health check of its image, which would run the same server once more.
    labels: { 'com.openfaas.scale.zero': 'true' },
  };
}

async function untilAnswered(
  door: AgentDoor,
  { gateway, word, ...options }: CheckOptions & { readonly gateway: string; readonly word: string },
): Promise<void> {
  const { functionName, node, clock, signal } = options;
  const url = `${gateway}/function/${functionName}`;
  const isRight = ({ status, body }: GatewayAnswer) => status === 200 && body === word;
  const answer = await poll(() => door.ask({ method: 'GET', url, withinMs: callMs }), {
    ...{ clock, timeoutMs: functionWithinMs, signal },
    isEnough: isRight,
  });
  if (!isRight(answer))
    throw new BrambleError(
      'FUNCTION_UNREADY',
      `${node.name}: a function on it is not answered for at ${gateway}: ${told(answer)}`,
    );
}

function told({ status, body }: GatewayAnswer): string {
  return status === 0 ? body || 'no answer' : `status ${status}, ${body.trim().slice(0, 300)}`;
}
