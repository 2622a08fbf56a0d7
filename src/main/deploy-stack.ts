import { isDeepStrictEqual } from 'node:util';
import type { FunctionRuntime } from '../functions/runtime.ts';
import type { FunctionSpec, FunctionStatus } from '../functions/spec.ts';
import { readStack } from '../functions/stack-file.ts';

/** Deploys the functions of a stack file that are not deployed yet, or otherwise than the file says. */
export async function deployStack(
  runtime: Pick<FunctionRuntime, 'describe' | 'deploy' | 'update'>,
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const { functions } = await readStack(file, env);
  for (const spec of functions) {
    const present = await runtime.describe(spec.service);
    if (present === undefined) await runtime.deploy(spec);
    else if (!isAsWanted(present, spec)) await runtime.update(spec);
  }
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
