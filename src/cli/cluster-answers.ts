import { join } from 'node:path';
import type { ExampleAnswers } from '../../provision/example.ts';
import { BrambleError, type Problem } from '../support/errors.ts';
import { isThere } from '../support/is-there.ts';
import type { CliContext } from './context.ts';
import { openPrompt, type Prompt } from './input.ts';

/** Answers as they are typed; those of flags are not asked for. */
export type AnswerTexts = Readonly<Partial<Record<Subject, string>>>;
type Subject = 'name' | 'nodes' | 'user' | 'key' | 'wifi' | 'country' | 'timeZone' | 'image';
type AllTexts = Record<Subject, string>;

export interface AnswerOptions {
  readonly context: CliContext;
  /** The file that will have the answers: what they name is looked for from its folder. */
  readonly file: string;
  readonly mayAsk: boolean;
}

interface Question {
  readonly subject: Subject;
  readonly text: string;
  /** What it is about in bramble.yaml, and so which problems are its own. */
  readonly path: string;
}

const questions: readonly Question[] = [
  { subject: 'name', text: 'Name of the cluster', path: 'cluster.name' },
  { subject: 'nodes', text: 'Nodes: how many, or their names with commas', path: 'cluster.nodes' },
  { subject: 'user', text: 'User who logs in on them', path: 'cluster.user.name' },
  { subject: 'key', text: 'File with your public SSH key', path: 'cluster.user.authorizedKeys' },
  { subject: 'wifi', text: 'Name of the Wi-Fi; nothing for a cable', path: 'cluster.network.wifi.ssid' },
  { subject: 'country', text: 'Country they are in, for the Wi-Fi', path: 'cluster.network.wifi.country' },
  { subject: 'timeZone', text: 'Time zone', path: 'cluster.timeZone' },
];

/** From flags, then from questions where that is possible, then by default. Throws INVALID with every answer that cannot be. */
export async function findAnswers(given: AnswerTexts, options: AnswerOptions): Promise<ExampleAnswers> {
  const texts: AllTexts = { ...(await defaultAnswers(options.context)), ...given };
  if (options.mayAsk) await askAll(texts, given, options);
  const problems = await findProblems(texts, options);
  if (problems.length === 0) return toAnswers(texts);
  const sentences = problems.map(({ path, message }) => `${path}: ${message}`);
  throw new BrambleError('INVALID', `no bramble.yaml can be made of that: ${sentences.join('; ')}`, {
    problems,
  });
}

async function askAll(texts: AllTexts, given: AnswerTexts, options: AnswerOptions): Promise<void> {
  const prompt = openPrompt(options.context);
  try {
    for (const question of questions) {
      const { subject } = question;
      if (given[subject] === undefined && (subject !== 'country' || texts.wifi !== ''))
        texts[subject] = await askUntilGood(question, texts, { ...options, prompt });
    }
  } finally {
    prompt.close();
  }
}

async function askUntilGood(
  { subject, text, path }: Question,
  texts: AllTexts,
  options: AnswerOptions & { readonly prompt: Prompt },
): Promise<string> {
  const byDefault = texts[subject];
  for (;;) {
    const typed = await options.prompt.ask(`${text}${byDefault === '' ? '' : ` [${byDefault}]`}: `);
    const answer = typed === '' ? byDefault : typed;
    const problems = await findProblems({ ...texts, [subject]: answer }, options);
    const own = problems.filter((problem) => problem.path.startsWith(path));
    if (own.length === 0) return answer;
    for (const { message } of own) options.context.stderr.write(`  ${message}\n`);
  }
}

/** Those that the file would have. A key that is not there yet is none: it can be made before it is needed. */
async function findProblems(texts: AllTexts, { context, file }: AnswerOptions): Promise<readonly Problem[]> {
  const { renderExample } = await import('../../provision/example.ts');
  const { readInventory } = await import('../../provision/inventory.ts');
  const { parseConfig } = await import('../config/file.ts');
  const answers = await toAnswers(texts);
  if (answers.nodes.length === 0)
    return [{ path: 'cluster.nodes', message: `must be a number from 1 to ${maxNodes}, or names` }];
  try {
    readInventory(parseConfig(file, renderExample(answers)), context.home);
    return [];
  } catch (err) {
    if (!(err instanceof BrambleError) || err.problems.length === 0) throw err;
    const isKeyThere = await isThere(await keyFile(answers.key, { context, file }));
    return err.problems.filter(({ path }) => isKeyThere || !path.startsWith('cluster.user.authorizedKeys'));
  }
}

/** Where the key is that the answers name. */
export async function keyFile(
  key: string,
  { context, file }: Pick<AnswerOptions, 'context' | 'file'>,
): Promise<string> {
  const { resolvePath } = await import('../../provision/inventory.ts');
  return resolvePath(key, { file, home: context.home });
}

const maxNodes = 99;

async function toAnswers({ nodes, wifi, country, ...same }: AllTexts): Promise<ExampleAnswers> {
  const { nameNodes } = await import('../../provision/example.ts');
  const isCount = /^\d+$/.test(nodes);
  const names = nodes.split(',').map((name) => name.trim());
  return {
    ...same,
    nodes: !isCount ? names : Number(nodes) > maxNodes ? [] : nameNodes(Number(nodes)),
    wifi: wifi === '' ? undefined : { ssid: wifi, country },
  };
}

async function defaultAnswers({ env, home }: CliContext): Promise<AllTexts> {
  const { defaultImage } = await import('../../provision/example.ts');
  const language = env.LC_ALL || env.LANG || '';
  return {
    name: 'bramble',
    nodes: '3',
    user: 'pi',
    key: await findKey(home),
    wifi: '',
    country: /^[a-z]{2,3}_([A-Z]{2})\b/.exec(language)?.[1] ?? 'GB',
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    image: defaultImage,
  };
}

/** As OpenSSH names them, the best first. */
async function findKey(home: string): Promise<string> {
  const names = ['id_ed25519', 'id_ed25519_sk', 'id_ecdsa', 'id_ecdsa_sk', 'id_rsa'];
  for (const name of names) if (await isThere(join(home, '.ssh', `${name}.pub`))) return `~/.ssh/${name}.pub`;
  return '~/.ssh/id_ed25519.pub';
}
