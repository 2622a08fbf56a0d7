import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import type { Problem } from '../../support/errors.ts';
import { invalid } from '../../support/schema.ts';
import type { FunctionSettings, ProcessSettings } from '../settings.ts';
import type { FunctionSpec } from '../spec.ts';

/** What the check needs to know about this machine. */
export interface Machine {
  readonly searchPath: string;
  readonly secrets: readonly string[];
}

/** Throws INVALID with all that keeps a function from running as processes here. */
export async function checkRunnable(
  spec: FunctionSpec,
  { process }: FunctionSettings,
  machine: Machine,
): Promise<void> {
  const problems = [
    ...commandProblems(spec, process),
    ...environmentProblems(spec),
    ...(await handlerProblems(process)),
    ...secretProblems(spec, machine.secrets),
  ];
  if (problems.length === 0) problems.push(...(await programProblems(process, machine.searchPath)));
  if (problems.length > 0) throw invalid(problems, { what: `function ${spec.service}` });
}

function commandProblems(
  { image }: FunctionSpec,
  { mode, command, lang, handler }: ProcessSettings,
): Problem[] {
  if (mode === 'framed')
    return handler === null
      ? [{ path: 'annotations.bramble.handler', message: `must name the folder of the ${lang} handler` }]
      : [];
  if (command.length > 0) return [];
  return [
    {
      path: 'image',
      message: `the process runtime runs commands, not images such as ${image}: give a command in fprocess (envProcess), or the annotations bramble.lang (node, python) and bramble.handler (its folder), or deploy the image to a Swarm`,
    },
  ];
}

/** Docker takes the same names; a NUL would end the value early, or fail only when the process is started. */
function environmentProblems({ envVars }: FunctionSpec): Problem[] {
  return Object.entries(envVars ?? {})
    .filter(([name, value]) => name === '' || /[=\0]/.test(name) || value.includes('\0'))
    .map(([name]) => ({ path: `envVars.${name}`, message: 'is not possible in an environment' }));
}

async function handlerProblems({ handler }: ProcessSettings): Promise<Problem[]> {
  if (handler === null) return [];
  const found = await stat(handler).catch(() => undefined);
  if (found?.isDirectory()) return [];
  const why = found === undefined ? 'does not exist' : 'is not a folder';
  return [{ path: 'annotations.bramble.handler', message: `${handler} ${why} on this machine` }];
}

function secretProblems({ secrets }: FunctionSpec, existing: readonly string[]): Problem[] {
  return (secrets ?? [])
    .filter((name) => !existing.includes(name))
    .map((name) => ({ path: 'secrets', message: `there is no secret "${name}"; create it first` }));
}

async function programProblems(settings: ProcessSettings, searchPath: string): Promise<Problem[]> {
  const { program, path } = programOf(settings);
  if (program === undefined) return [];
  const places = program.includes('/')
    ? [isAbsolute(program) ? program : resolve(settings.handler ?? '/', program)]
    : searchPath.split(delimiter).map((folder) => join(folder, program));
  for (const place of places) if (await isExecutable(place)) return [];
  const where = program.includes('/') ? `at ${places.join(', ')}` : 'on the PATH of the agent';
  return [{ path, message: `needs the program "${program}", and there is none ${where}` }];
}

/** The program that must be on this machine; Node.js is, since it runs us. */
function programOf({ mode, command, lang }: ProcessSettings): { program: string | undefined; path: string } {
  if (mode !== 'framed') return { program: command[0], path: 'envProcess' };
  return { program: lang === 'python' ? 'python3' : undefined, path: 'annotations.bramble.lang' };
}

async function isExecutable(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) return false;
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
