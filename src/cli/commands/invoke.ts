import { open } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { BrambleError, type ErrorCode, errorTable, messageOf } from '../../support/errors.ts';
import { addAddress, explain } from '../command.ts';
import { type AddressOptions, connectAnonymously } from '../connection.ts';
import { type CliContext, type JsonOption, print } from '../context.ts';
import { type Call, headerOf, isSuccess } from '../gateway.ts';
import { isErrorCode } from '../gateway-errors.ts';
import { takeStdin } from '../input.ts';

interface InvokeOptions extends AddressOptions, JsonOption {
  readonly data?: string;
  readonly file?: string;
  readonly async?: boolean;
  readonly callback?: string;
  readonly header: Readonly<Record<string, string[]>>;
  readonly contentType?: string;
  readonly method: string;
  readonly path: string;
  readonly query: readonly string[];
}

export function addInvoke(program: Command, context: CliContext): void {
  const command = addAddress(program.command('invoke'))
    .description('call a function: its answer goes to standard output, its status to standard error')
    .argument('<name>', 'name of the function')
    .addOption(
      new Option('-d, --data <text>', 'the body (default: standard input, if it is no terminal)').conflicts(
        'file',
      ),
    )
    .option('--file <path>', 'a file as the body')
    .option('-a, --async', 'hand the call over and return at once; it is retried until it is done')
    .option('--callback <url>', 'where the answer of an --async call is to be posted')
    .option('-H, --header <name: value>', 'add a header (repeatable)', collectHeader, {})
    .option('--content-type <type>', 'type of the body (default: text/plain)')
    .option('-m, --method <method>', 'HTTP method', 'POST')
    .option('--path <path>', 'path below the function; a query may follow', '')
    .option('--query <name=value>', 'add a query parameter, to be encoded (repeatable)', collectQuery, [])
    .action((name: string, options: InvokeOptions) => invoke(name, options, context));
  explain(command, {
    examples: [
      'echo hello | bramble invoke echo',
      `bramble invoke guard --data '{"motion":true}' --content-type application/json`,
      'bramble invoke report --method GET --path /today --query format=text',
      'bramble invoke resize --file picture.jpg --async --callback http://192.168.1.5:9000/done',
    ],
    json: '{ status, durationMs, callId, headers: { name: value }, body: "text" | null, bodyBase64: "…" | null }\n(bodyBase64 where the answer is not text)',
  });
}

async function invoke(name: string, options: InvokeOptions, context: CliContext): Promise<void> {
  const gateway = await connectAnonymously(context, options);
  const call = await toCall(name, options, context);
  const startMs = performance.now();
  const response = await gateway.send(call);
  const show = options.json ? showAsJson : showPlainly;
  try {
    await show(response, { name, startMs, context });
  } catch (cause) {
    throw new BrambleError('UNREACHABLE', `the answer of ${name} broke off: ${messageOf(cause)}`, { cause });
  }
  if (!isSuccess(response)) context.setExit(exitOf(response));
}

const lineFeed = 0x0a;

interface Showing {
  readonly name: string;
  readonly startMs: number;
  readonly context: CliContext;
}

async function showPlainly(response: IncomingMessage, { name, startMs, context }: Showing): Promise<void> {
  let last: number | undefined;
  response.on('data', (chunk: Buffer) => {
    last = chunk.at(-1);
  });
  await pipeline(response, context.stdout, { end: false });
  // A person's prompt begins on a line of its own; a program gets the answer and nothing else.
  if (context.stdout.isTTY && last !== undefined && last !== lineFeed) context.stdout.write('\n');
  context.stderr.write(`${renderStatus(name, response)} in ${elapsedMs(startMs)} ms\n`);
}

async function showAsJson(response: IncomingMessage, { startMs, context }: Showing): Promise<void> {
  const body = await buffer(response);
  print(context, { json: true }, describeAnswer(response, body, elapsedMs(startMs)), () => '');
}

function elapsedMs(startMs: number): number {
  return Math.round(performance.now() - startMs);
}

async function toCall(name: string, options: InvokeOptions, context: CliContext): Promise<Call> {
  const method = options.method.toUpperCase();
  const door = options.async ? 'async-function' : 'function';
  if (options.callback !== undefined && !options.async)
    throw new BrambleError('INVALID', '--callback needs --async');
  return {
    method,
    path: `/${door}/${encodeURIComponent(name)}${renderTarget(options)}`,
    headers: {
      'content-type': options.contentType ?? 'text/plain',
      ...(options.callback === undefined ? {} : { 'x-callback-url': options.callback }),
      ...options.header,
    },
    body: await chooseBody(method, options, context.stdin),
  };
}

/** Path and query as they were typed: `?flag` and `?flag=` are not the same to every function. */
function renderTarget({ path: typed, query }: Pick<InvokeOptions, 'path' | 'query'>): string {
  const [path = '', ...rest] = typed.replaceAll('#', '%23').split('?');
  const queries = [...(rest.length > 0 ? [rest.join('?')] : []), ...query];
  const slash = path === '' || path.startsWith('/') ? '' : '/';
  return `${slash}${path}${queries.length > 0 ? `?${queries.join('&')}` : ''}`;
}

async function chooseBody(
  method: string,
  { data, file }: InvokeOptions,
  stdin: CliContext['stdin'],
): Promise<Call['body']> {
  if (data !== undefined) return data;
  if (file !== undefined) return openBody(file);
  if (stdin.isTTY || ['GET', 'HEAD', 'DELETE', 'OPTIONS'].includes(method)) return undefined;
  return takeStdin(stdin);
}

async function openBody(file: string): Promise<Readable> {
  try {
    return (await open(file)).createReadStream();
  } catch (err) {
    throw new BrambleError('INVALID', `cannot read the body from ${file}: ${messageOf(err)}`, { cause: err });
  }
}

function renderStatus(name: string, response: IncomingMessage): string {
  const { statusCode = 0, statusMessage = '' } = response;
  const callId = headerOf(response, 'x-call-id');
  return `${name}: ${statusCode} ${statusMessage}${callId === undefined ? '' : `, call ${callId}`}`;
}

function describeAnswer(response: IncomingMessage, body: Buffer, durationMs: number): object {
  const text = body.toString();
  const isText = Buffer.from(text).equals(body);
  return {
    status: response.statusCode,
    durationMs,
    callId: headerOf(response, 'x-call-id') ?? null,
    headers: response.headers,
    body: isText ? text : null,
    bodyBase64: isText ? null : body.toString('base64'),
  };
}

/** A refusal of the gateway has its own code; a status that the function itself chose counts as its failure. */
function exitOf(response: IncomingMessage): number {
  const code = headerOf(response, 'x-bramble-error') ?? '';
  const assumed: ErrorCode = response.statusCode === 404 ? 'FUNCTION_NOT_FOUND' : 'FUNCTION_FAILED';
  return errorTable[isErrorCode(code) ? code : assumed].exit;
}

function collectHeader(text: string, before: InvokeOptions['header']): InvokeOptions['header'] {
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*[:=]\s*(.*)$/.exec(text);
  const [, name = '', value = ''] = match ?? [];
  if (name === '') throw new InvalidArgumentError('It must look like "name: value".');
  const key = name.toLowerCase();
  return { ...before, [key]: [...(before[key] ?? []), value] };
}

function collectQuery(text: string, before: InvokeOptions['query']): InvokeOptions['query'] {
  const [name = '', ...value] = text.split('=');
  if (name === '') throw new InvalidArgumentError('It must look like name=value.');
  const parts = value.length > 0 ? [name, value.join('=')] : [name];
  return [...before, parts.map(encodeURIComponent).join('=')];
}
