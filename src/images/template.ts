import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { parse } from 'yaml';
import { BrambleError, messageOf } from '../support/errors.ts';
import { check } from '../support/schema.ts';

/** OpenFaaS's template.yml, as far as an image is concerned. */
const TemplateFile = Type.Object({
  language: Type.Optional(Type.String()),
  fprocess: Type.Optional(Type.String()),
  description: Type.Optional(Type.String()),
  welcome_message: Type.Optional(Type.String()),
  handler_folder: Type.Optional(Type.String({ pattern: '^[\\w-]+$' })),
  build_options: Type.Optional(
    Type.Array(Type.Object({ name: Type.String(), packages: Type.Array(Type.String()) })),
  ),
});

/** What turns a handler into an image: a folder with a Dockerfile, and where in it the handler goes. */
export interface Template {
  readonly name: string;
  readonly folder: string;
  /** One of ours, whose image gets our watchdog; a template of OpenFaaS brings its own. */
  readonly isOurs: boolean;
  readonly handlerFolder: string;
  readonly fprocess: string | undefined;
  readonly description: string;
  readonly buildOptions: NonNullable<Static<typeof TemplateFile>['build_options']>;
}

export interface TemplatePlaces {
  /** The folder `template` of the project, where `faas-cli template pull` puts them. */
  readonly projectFolder: string;
  /** Those that ship with Bramble. */
  readonly ourFolder: string;
}

/** The template that `lang` names. The project's own comes first; ours serve also as `node20`, `python3-http`, … */
export async function findTemplate(lang: string, places: TemplatePlaces): Promise<Template> {
  const theirs = await readTemplate(places.projectFolder, lang, { isOurs: false });
  if (theirs !== undefined) return theirs;
  const family = /^(node|python|sh)/.exec(lang)?.[1];
  const ours =
    family === undefined ? undefined : await readTemplate(places.ourFolder, family, { isOurs: true });
  if (ours !== undefined) return ours;
  const known = (await listTemplates(places)).map(({ name }) => name).join(', ');
  throw new BrambleError(
    'NOT_FOUND',
    `there is no template "${lang}"; there are ${known}; more of them go to the folder ${places.projectFolder}`,
  );
}

/** All that can be named, the project's own first. */
export async function listTemplates({ projectFolder, ourFolder }: TemplatePlaces): Promise<Template[]> {
  const read = async (folder: string, isOurs: boolean) => {
    const names = await readdir(folder).catch(() => []);
    return Promise.all(names.sort().map((name) => readTemplate(folder, name, { isOurs })));
  };
  const all = [...(await read(projectFolder, false)), ...(await read(ourFolder, true))];
  return all.filter((one) => one !== undefined);
}

async function readTemplate(
  parent: string,
  name: string,
  { isOurs }: { isOurs: boolean },
): Promise<Template | undefined> {
  const folder = join(parent, name);
  const hasDockerfile = await stat(join(folder, 'Dockerfile')).then(
    (found) => found.isFile(),
    () => false,
  );
  if (!/^[\w.-]+$/.test(name) || !hasDockerfile) return undefined;
  const file = await readTemplateFile(join(folder, 'template.yml'));
  return {
    ...{ name, folder, isOurs },
    handlerFolder: file.handler_folder ?? 'function',
    fprocess: file.fprocess,
    description: file.description ?? file.welcome_message?.split('\n')[0] ?? '',
    buildOptions: file.build_options ?? [],
  };
}

/** A template need not have one. */
async function readTemplateFile(file: string): Promise<Static<typeof TemplateFile>> {
  const text = await readFile(file, 'utf8').catch(() => '');
  try {
    return check(TemplateFile, parse(text) ?? {}, { what: file });
  } catch (err) {
    if (err instanceof BrambleError) throw err;
    throw new BrambleError('INVALID', `${file} is not YAML: ${messageOf(err)}`, { cause: err });
  }
}
