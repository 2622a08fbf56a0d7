import { isDeepStrictEqual } from 'node:util';
import type { FunctionRuntime } from '../functions/runtime.ts';
import type { FunctionSpec, FunctionStatus } from '../functions/spec.ts';
import { readStack } from '../functions/stack-file.ts';
import type { Service } from '../lifecycle/service.ts';
import { toBrambleError } from '../support/errors.ts';
import type { Log } from '../support/log.ts';

/**
 * Deploys the configured functions. A service, so that they are there before the first sensor speaks: on a fresh data
 * folder its first reading would otherwise find nobody to handle it.
 */
export function stackDeployment(options: StackDeploymentOptions): Service {
  return { name: 'stack', start: () => deployStack(options), stop: async () => {} };
}

export interface StackDeploymentOptions {
  readonly runtime: Pick<FunctionRuntime, 'describe' | 'deploy' | 'update'>;
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
}

/**
 * Deploys the functions of a stack file that are not deployed yet, or otherwise than the file says. Rejects for a file
 * that cannot be used. One function that cannot run here (its language is not installed) does not keep the agent from
 * its sensors, nor the others from being deployed.
 */
async function deployStack({ runtime, file, env, log }: StackDeploymentOptions): Promise<void> {
  const { functions } = await readStack(file, env);
  for (const spec of functions) {
    try {
      await deployOne(runtime, spec);
    } catch (err) {
      if (toBrambleError(err).code !== 'INVALID') throw err;
      log.error({ err }, 'function of the configured stack is not deployed');
    }
  }
}

async function deployOne(runtime: StackDeploymentOptions['runtime'], spec: FunctionSpec): Promise<void> {
  const present = await runtime.describe(spec.service);
  if (present === undefined) await runtime.deploy(spec);
  else if (!isAsWanted(present, spec)) await runtime.update(spec);
}

function isAsWanted(present: FunctionStatus, wanted: FunctionSpec): boolean {
  const { image, envProcess = '', envVars, labels, annotations, secrets } = wanted;
  return (
    present.image === image &&
    present.envProcess === envProcess &&
    isDeepStrictEqual(present.envVars, envVars ?? {}) &&
    isDeepStrictEqual(present.annotations, annotations ?? {}) &&
    isDeepStrictEqual([...present.secrets], secrets ?? []) &&
    Object.entries(labels ?? {}).every(([key, value]) => present.labels[key] === value)
  );
}
