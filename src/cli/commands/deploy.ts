import { type Command, InvalidArgumentError } from 'commander';
import type { FunctionSpec } from '../../functions/spec.ts';
import { systemClock } from '../../support/clock.system.ts';
import { sleep } from '../../support/clock.ts';
import { BrambleError, toBrambleError } from '../../support/errors.ts';
import { isThere } from '../../support/is-there.ts';
import { addGateway, explain } from '../command.ts';
import { connect, type GatewayOptions } from '../connection.ts';
import { type CliContext, print } from '../context.ts';
import { addressOfFunction, describe, toFunctionView } from '../functions.ts';
import type { Gateway } from '../gateway.ts';

const pollMs = 250;

export interface DeployOptions extends GatewayOptions {
  readonly file?: string;
  readonly only?: readonly string[];
  readonly wait: boolean;
  readonly timeout: number;
  /** By function: images that were made, in place of what the stack file calls them. */
  readonly images?: ReadonlyMap<string, string>;
  /** Where neither the user nor the stack file names a gateway. */
  readonly usualGateway?: string | undefined;
}

export interface Deployed {
  readonly name: string;
  readonly outcome: 'created' | 'updated' | 'failed';
  readonly isReady: boolean;
  readonly url: string;
  readonly error?: { readonly code: string; readonly message: string };
}

export function addDeploy(program: Command, context: CliContext): void {
  const command = addGateway(program.command('deploy'))
    .description('deploy the functions of a stack file, new ones and changed ones alike')
    .option('-f, --file <stack.yml>', 'the stack file (default: stack.yml or stack.yaml)')
    .option('--only <names>', 'deploy these functions only, separated by commas', (text) => text.split(','))
    .option('--no-wait', 'do not wait until the functions are ready')
    .option('--timeout <seconds>', 'wait for each function at most so long', parseSeconds, 60)
    .action(async (options: DeployOptions) => {
      const functions = await deploy(options, context);
      if (options.json) print(context, options, { functions }, () => '');
    });
  explain(command, {
    examples: [
      'bramble deploy -f stack.yml',
      'bramble deploy -f functions/stack.yml --only guard,echo',
      'bramble deploy --no-wait --json',
    ],
    json: '{ "functions": [{ name, outcome: "created" | "updated" | "failed", isReady, url, error?: { code, message } }] }',
  });
}

/** One function that fails does not keep the others from being deployed; the first failure decides the exit status. */
export async function deploy(options: DeployOptions, context: CliContext): Promise<Deployed[]> {
  const { readStack } = await import('../../functions/stack-file.ts');
  const { gateway: stackGateway, functions } = await readStack(
    options.file ?? (await findStackFile()),
    context.env,
  );
  const wanted = select(functions, options.only, ({ service }) => service).map((spec) => ({
    ...spec,
    image: options.images?.get(spec.service) ?? spec.image,
  }));
  const gateway = await connect(context, { ...options, stackGateway: stackGateway ?? options.usualGateway });
  const done: Deployed[] = [];
  let failure: BrambleError | undefined;
  for (const spec of wanted) {
    const result = await deployOne(gateway, spec, options, context.signal).catch((err: unknown) => {
      const error = toBrambleError(err);
      if (['UNREACHABLE', 'UNAUTHORIZED', 'CANCELLED'].includes(error.code)) throw error; // the others would fare alike
      failure ??= error;
      return failedDeployment(gateway, spec, error);
    });
    done.push(result);
    if (!options.json) context.stdout.write(renderDeployed(result));
  }
  if (failure !== undefined) context.setExit(failure.exit);
  return done;
}

export async function findStackFile(): Promise<string> {
  for (const file of ['stack.yml', 'stack.yaml']) {
    if (await isThere(file)) return file;
  }
  throw new BrambleError('INVALID', 'there is no stack.yml or stack.yaml in this folder; name one with -f');
}

/** Those that `--only` names, or all. */
export function select<One>(
  functions: readonly One[],
  only: readonly string[] | undefined,
  nameOf: (one: One) => string,
): readonly One[] {
  if (only === undefined) return functions;
  const names = functions.map(nameOf);
  const missing = only.filter((name) => !names.includes(name));
  if (missing.length === 0) return functions.filter((one) => only.includes(nameOf(one)));
  throw new BrambleError(
    'INVALID',
    `the stack file has no function ${missing.join(', ')}; it has ${names.join(', ')}`,
  );
}

async function deployOne(
  gateway: Gateway,
  spec: FunctionSpec,
  { wait, timeout }: DeployOptions,
  signal: AbortSignal,
): Promise<Deployed> {
  const outcome = await put(gateway, spec);
  const isReady = wait ? await waitUntilReady(gateway, spec.service, timeout, signal) : false;
  return { name: spec.service, outcome, isReady, url: addressOfFunction(gateway, spec.service) };
}

/** Updates first, so that an agent that has the function goes on serving; creates where there is none. */
async function put(gateway: Gateway, spec: FunctionSpec): Promise<'created' | 'updated'> {
  try {
    await gateway.ask('PUT', '/system/functions', { body: spec });
    return 'updated';
  } catch (err) {
    if (toBrambleError(err).status !== 404) throw err;
  }
  await gateway.ask('POST', '/system/functions', { body: spec });
  return 'created';
}

/** False for a function that rests at zero replicas, which is as ready as it gets. */
async function waitUntilReady(
  gateway: Gateway,
  name: string,
  timeoutS: number,
  signal: AbortSignal,
): Promise<boolean> {
  const deadlineMs = systemClock.monotonicMs() + timeoutS * 1000;
  for (;;) {
    const { availableReplicas, replicas } = toFunctionView(await describe(gateway, name));
    if (availableReplicas > 0) return true;
    if (replicas === 0) return false;
    if (systemClock.monotonicMs() > deadlineMs) {
      throw new BrambleError(
        'FUNCTION_UNREADY',
        `${name} is deployed but not ready after ${timeoutS} s; see bramble logs ${name}`,
      );
    }
    await sleep(systemClock, pollMs, signal);
  }
}

function failedDeployment(gateway: Gateway, { service: name }: FunctionSpec, error: BrambleError): Deployed {
  const { code, message } = error;
  const url = addressOfFunction(gateway, name);
  return { name, outcome: 'failed', isReady: false, url, error: { code, message } };
}

function renderDeployed({ name, outcome, url, error }: Deployed): string {
  return error === undefined ? `${name} ${outcome}: ${url}\n` : `${name} failed: ${error.message}\n`;
}

export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== '' && seconds >= 0 && Number.isFinite(seconds)) return seconds;
  throw new InvalidArgumentError('It must be a number of seconds.');
}
