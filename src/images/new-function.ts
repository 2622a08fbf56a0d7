import { cp, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { functionName } from '../functions/spec.ts';
import { BrambleError, messageOf, systemCode } from '../support/errors.ts';
import { isThere } from '../support/is-there.ts';
import { findProblems } from '../support/schema.ts';
import type { Template } from './template.ts';

export interface NewFunction {
  readonly name: string;
  /** As it is to stand in the stack file. */
  readonly lang: string;
  /** Registry and path before the image's name. */
  readonly prefix: string | undefined;
  readonly template: Template;
  readonly stackFile: string;
  /** Adds a value to a YAML text; `undefined` when there is one. */
  readonly addToYaml: (text: string, path: readonly string[], value: unknown) => string | undefined;
}

const emptyStack = `version: 1.0
provider:
  name: openfaas
`;

/** Copies the template's sample handler and adds the entry. Overwrites nothing. Resolves to the handler's folder. */
export async function createFunction(wanted: NewFunction): Promise<string> {
  const { name, template, stackFile } = wanted;
  if (findProblems(functionName, name).length > 0) {
    throw new BrambleError(
      'INVALID',
      `"${name}" cannot be a function's name: small letters, digits and dashes, 63 at most`,
    );
  }
  const handler = join(dirname(stackFile), name);
  if (await isThere(handler)) {
    throw new BrambleError('CONFLICT', `${handler} is there already; choose another name, or move it away`);
  }
  const changed = addEntry(await readStackFile(stackFile), wanted);
  await cp(join(template.folder, template.handlerFolder), handler, { recursive: true });
  await writeFile(stackFile, changed);
  return handler;
}

function addEntry(text: string, { name, lang, prefix, template, stackFile, addToYaml }: NewFunction): string {
  const entry = {
    lang,
    handler: `./${name}`,
    image: `${prefix === undefined ? '' : `${prefix}/`}${name}:latest`,
    // The process runtime has no image that would say how a program is started.
    ...(template.isOurs && template.fprocess !== undefined ? { fprocess: template.fprocess } : {}),
  };
  const changed = addToYaml(text, ['functions', name], entry);
  if (changed !== undefined) return changed;
  throw new BrambleError('CONFLICT', `${stackFile} has a function ${name} already; choose another name`);
}

async function readStackFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (err) {
    if (systemCode(err) === 'ENOENT') return emptyStack;
    throw new BrambleError('INVALID', `cannot read ${file}: ${messageOf(err)}`, { cause: err });
  }
}
