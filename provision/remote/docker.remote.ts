import { request } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type DockerCli, toDockerError } from '../../src/support/docker-cli.ts';
import { BrambleError } from '../../src/support/errors.ts';
import type { Remote } from './remote.ts';

/** Images are pulled by it. */
const longestMs = 900_000;

/** The `docker` program of another machine. */
export function dockerOf(remote: Remote, signal: AbortSignal): DockerCli {
  return {
    run: async (args, { stdin, onLine } = {}) => {
      const { status, stdout, stderr } = await remote.run(['docker', ...args], {
        as: 'root',
        stdin,
        ...(onLine && { onLine }),
        accept: allStatuses,
        timeoutMs: longestMs,
        signal,
      });
      if (status !== 0) throw atNode(remote.name, toDockerError(args, stderr.split('\n')));
      return stdout.trimEnd();
    },
  };
}

/** npm on the smallest Pi. */
const longestBuildMs = 3_600_000;

/** Reads `$1` lines `NAME=value` into the environment of `docker` with the other arguments, and leaves the rest of the input to it. */
const withVariables = `
set -e
count=$1
shift
while [ "$count" -gt 0 ]; do
  IFS= read -r variable
  export "$variable"
  count=$((count - 1))
done
exec docker "$@"
`;

export interface RemoteBuild {
  /** Of `docker`: `build … -`. */
  readonly args: readonly string[];
  /** For its environment, whose values no list of processes shows. */
  readonly variables: readonly (readonly [name: string, value: string])[];
  /** Tar archive of what the image is made of. */
  readonly context: Readable;
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Has the Docker of another machine make an image; nothing but that stays there. */
export async function buildOn(
  remote: Remote,
  { args, variables, context, onLine, signal }: RemoteBuild,
): Promise<void> {
  const odd = variables.find(([name, value]) => !/^[A-Za-z_]\w*$/.test(name) || /[\n\0]/.test(value));
  if (odd !== undefined)
    throw new BrambleError(
      'INVALID',
      `the build argument ${odd[0]} cannot be given to ${remote.name}: its name must be of letters, digits and _, its value of one line`,
    );
  const lines = variables.map(([name, value]) => `${name}=${value}\n`).join('');
  const { status, stderr } = await remote.run(
    ['sh', '-c', withVariables, 'sh', String(variables.length), ...args],
    {
      as: 'root',
      stdin: Readable.from(joined(lines, context)),
      onLine,
      accept: allStatuses,
      timeoutMs: longestBuildMs,
      signal,
    },
  );
  if (status !== 0) throw atNode(remote.name, toDockerError(args, stderr.split('\n')));
}

async function* joined(first: string, rest: Readable): AsyncIterable<Uint8Array> {
  yield Buffer.from(first);
  yield* rest;
}

const allStatuses = Array.from({ length: 255 }, (_, status) => status);

function atNode(name: string, err: BrambleError): BrambleError {
  return new BrambleError(err.code, `${name}: ${err.message}`, { cause: err });
}

export interface DockerCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below the API's version: `/swarm/join`. */
  readonly path: string;
  readonly body?: unknown;
}

/** Joining a Swarm takes 20 s where it fails (Docker's own limit). */
const longestAnswerMs = 120_000;

/**
 * Asks the Engine of another machine over its own socket, for what must not stand in a list of processes: join tokens are in
 * bodies only. Resolves to the answer's JSON; rejects with what Docker says is wrong.
 */
export async function askDocker(
  remote: Remote,
  { method, path, body }: DockerCall,
  stop: AbortSignal,
): Promise<unknown> {
  const timeout = AbortSignal.timeout(longestAnswerMs);
  const signal = AbortSignal.any([stop, timeout]);
  const stream = await remote.pipe(['docker', 'system', 'dial-stdio'], { as: 'root', signal });
  try {
    const payload = body === undefined ? '' : JSON.stringify(body);
    const call = request({
      method,
      path,
      host: 'docker',
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(payload),
        connection: 'close',
      },
      createConnection: () => stream as Socket, // of a socket only what every duplex stream has is used
      signal,
    });
    const answered = new Promise<{ status: number; said: string }>((resolve, reject) => {
      call.on('error', reject); // also of a stream that is destroyed when all was said
      call.once('response', (response) => {
        text(response).then((said) => resolve({ status: response.statusCode ?? 0, said }), reject);
      });
    });
    call.end(payload);
    const { status, said } = await answered;
    if (status >= 400)
      throw new BrambleError(
        'REMOTE_FAILED',
        `${remote.name}: Docker refused ${method} ${path}: ${messageIn(said)}`,
      );
    return said === '' ? undefined : JSON.parse(said);
  } catch (err) {
    if (!timeout.aborted || stop.aborted) throw stream.errored ?? err;
    throw new BrambleError('REMOTE_FAILED', `${remote.name}: Docker does not answer ${method} ${path}`, {
      cause: err,
    });
  } finally {
    stream.destroy();
  }
}

/** Docker's errors are `{ "message": … }`. */
function messageIn(said: string): string {
  try {
    const { message } = JSON.parse(said);
    return String(message);
  } catch {
    return said.trim();
  }
}
