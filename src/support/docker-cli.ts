import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { BrambleError, type ErrorCode, systemCode } from './errors.ts';

export interface DockerOptions {
  /** Given to the program on its standard input, where no other user of the machine sees it. */
  readonly stdin?: string | undefined;
  /** Gets each line that the program prints, while it runs. */
  readonly onLine?: ((line: string) => void) | undefined;
}

/** The `docker` program: it knows the user's contexts, logins and DOCKER_HOST, also over SSH. */
export interface DockerCli {
  /** Resolves to its standard output, without white space at its end. Rejects with what it said was wrong. */
  run(args: readonly string[], options?: DockerOptions): Promise<string>;
}

/** The lines of what it prints, without empty ones. */
export async function linesOf(docker: DockerCli, args: readonly string[]): Promise<string[]> {
  return (await docker.run(args)).split('\n').filter((line) => line !== '');
}

export interface DockerSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

export function openDockerCli({ env, signal }: DockerSurroundings): DockerCli {
  return {
    run: (args, options = {}) =>
      new Promise((resolve, reject) => {
        const child = spawn('docker', args, { env, signal, stdio: ['pipe', 'pipe', 'pipe'] });
        const lines = { out: [] as string[], err: [] as string[] };
        for (const [stream, kept] of [
          [child.stdout, lines.out],
          [child.stderr, lines.err],
        ] as const)
          createInterface(stream).on('line', (line) => {
            kept.push(line);
            options.onLine?.(line);
          });
        child.stdin.on('error', () => {}); // its exit status tells why it did not read
        child.stdin.end(options.stdin ?? '');
        child.once('error', (err) => reject(signal.aborted ? signal.reason : cannotRun(err)));
        child.once('close', (status) => {
          if (status === 0) resolve(lines.out.join('\n').trimEnd());
          else reject(toDockerError(args, lines.err, env.DOCKER_HOST));
        });
      }),
  };
}

function cannotRun(cause: Error): BrambleError {
  const why = systemCode(cause) === 'ENOENT' ? 'it is not installed here' : cause.message;
  return new BrambleError(
    'UNSUPPORTED',
    `cannot run the docker program: ${why}; install it, or do this on a machine that has it (DOCKER_HOST=ssh://user@node reaches another)`,
    { cause },
  );
}

interface KnownError {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly advice: string;
}

const noDaemon: KnownError = {
  pattern: /cannot connect to the docker daemon|error during connect/i,
  code: 'UNREACHABLE',
  advice: 'start its daemon, or set DOCKER_HOST',
};

/** What Docker says, by what can be done about it. */
const known: readonly KnownError[] = [
  noDaemon,
  {
    pattern: /connection refused|no such host|dial tcp|i\/o timeout/i,
    code: 'UNREACHABLE',
    advice: 'the machine with that Docker must reach that registry',
  },
  { pattern: /permission denied.*docker/i, code: 'UNAUTHORIZED', advice: 'add the user to the group docker' },
  {
    pattern: /not a swarm manager|not part of a swarm/i,
    code: 'CONFLICT',
    advice: 'do this on a manager of the Swarm, or set DOCKER_HOST to one',
  },
  {
    pattern: /unauthorized|authentication required|access .*denied|no basic auth/i,
    code: 'UNAUTHORIZED',
    advice: 'use docker login for that registry',
  },
];

/** What the `docker` program printed when it failed, as an error that says what to do; `host` is its DOCKER_HOST. */
export function toDockerError(
  args: readonly string[],
  errors: readonly string[],
  host: string | undefined = '',
): BrambleError {
  const said = errors.filter((line) => line.trim() !== '' && !/^DEPRECATED|^ {12}/.test(line));
  const text = said.slice(-5).join(' ').trim() || 'it gave no reason';
  const found = known.find(({ pattern }) => pattern.test(text));
  const words = args.filter((word) => !word.startsWith('-')).slice(0, 2);
  const advised = found === noDaemon && host.startsWith('ssh://') ? adviceFor(host) : found?.advice;
  const advice = advised === undefined ? '' : `; ${advised}`;
  return new BrambleError(found?.code ?? 'INVALID', `docker ${words.join(' ')} failed: ${text}${advice}`);
}

/** Docker keeps to itself what ssh said. */
function adviceFor(host: string): string {
  const { hostname, port, username } = new URL(host);
  const where = `${port === '' ? '' : `-p ${port} `}${username === '' ? '' : `${username}@`}${hostname}`;
  return `see what ssh ${where} docker version says: it must ask nothing, and the user be in the group docker there`;
}
