import type { Command } from 'commander';
import { addJson, explain } from '../command.ts';
import { type CliContext, type JsonOption, print } from '../context.ts';
import { renderTable } from '../table.ts';
import { templatePlaces } from './build.ts';

interface NewOptions extends JsonOption {
  readonly lang: string;
  readonly file: string;
  readonly prefix?: string;
}

export function addNew(program: Command, context: CliContext): void {
  const command = addJson(program.command('new'))
    .description('begin a function: a folder with a handler, and its entry in the stack file')
    .argument('<name>', 'name of the function')
    .option('--lang <template>', 'language: node, python, sh, or a template of this project', 'node')
    .option('-f, --file <stack.yml>', 'the stack file, made if there is none', 'stack.yml')
    .option('--prefix <registry>', 'where its image will be, such as registry.local:5000')
    .action((name: string, options: NewOptions) => begin(name, options, context));
  explain(command, {
    examples: [
      'bramble new --lang node hello',
      'bramble new --lang python report --prefix registry.local:5000',
    ],
    json: '{ "name": "hello", "lang": "node", "handler": "hello", "file": "stack.yml" }',
  });
  const list = addJson(program.command('templates'))
    .description('list the languages and templates that functions can be begun with')
    .action(async (options: JsonOption) => {
      const { listTemplates } = await import('../../images/template.ts');
      const templates = await listTemplates(templatePlaces(context));
      const shown = templates.map(({ name, description }) => ({ name, description }));
      const rows = shown.map(({ name, description }) => [name, description]);
      print(context, options, shown, () => renderTable(['TEMPLATE', 'FOR'], rows, 'There are no templates.'));
    });
  explain(list, { examples: ['bramble templates'], json: '[{ "name": "node", "description": "…" }]' });
}

async function begin(name: string, options: NewOptions, context: CliContext): Promise<void> {
  const { findTemplate } = await import('../../images/template.ts');
  const { createFunction } = await import('../../images/new-function.ts');
  const { addToYaml } = await import('../yaml.ts');
  const { lang, file, prefix } = options;
  const template = await findTemplate(lang, templatePlaces(context));
  const handler = await createFunction({ name, lang, prefix, template, stackFile: file, addToYaml });
  print(
    context,
    options,
    { name, lang, handler, file },
    () =>
      `${name}: handler in ${handler}/, entry in ${file}; next: bramble deploy -f ${file}, or bramble ship\n`,
  );
}
