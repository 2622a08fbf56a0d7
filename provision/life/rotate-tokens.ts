import { isDeepStrictEqual } from 'node:util';
import { BrambleError } from '../../src/support/errors.ts';
import { askDocker } from '../remote/docker.remote.ts';
import { findManager, type Life } from './life.ts';

/** Somebody else may change the Swarm between our question and our wish. */
const attempts = 5;

/**
 * Makes the tokens worthless that nodes have joined with; those that are in stay in. They are seen by nobody: `bramble up` asks
 * for the present ones when it needs them.
 */
export async function rotateTokens(life: Life): Promise<void> {
  const { remote } = await findManager(life);
  for (let attempt = 1; ; attempt += 1) {
    const { spec, version, tokens } = readSwarm(await ask());
    const query = `version=${version}&rotateWorkerToken=true&rotateManagerToken=true`;
    const call = { method: 'POST', path: `/swarm/update?${query}`, body: spec } as const;
    try {
      await askDocker(remote, call, life.signal);
    } catch (err) {
      const isLate = err instanceof BrambleError && err.message.includes('out of sequence');
      if (!isLate || attempt >= attempts) throw err;
      continue;
    }
    if (isDeepStrictEqual(readSwarm(await ask()).tokens, tokens))
      throw new BrambleError(
        'REMOTE_FAILED',
        `${remote.name}: Docker took the wish for new tokens and kept the old ones`,
      );
    return;
  }

  function ask(): Promise<unknown> {
    return askDocker(remote, { method: 'GET', path: '/swarm' }, life.signal);
  }
}

function readSwarm(answer: unknown) {
  if (!isSwarm(answer))
    throw new BrambleError(
      'REMOTE_FAILED',
      'Docker does not tell how its Swarm is; is the node still a manager?',
    );
  return { spec: answer.Spec, version: answer.Version.Index, tokens: answer.JoinTokens };
}

/** Docker's API: Swarm. */
interface SwarmAnswer {
  readonly Spec: unknown;
  readonly Version: { readonly Index: number };
  readonly JoinTokens: unknown;
}

function isSwarm(answer: unknown): answer is SwarmAnswer {
  return (
    typeof answer === 'object' &&
    answer !== null &&
    'Spec' in answer &&
    'JoinTokens' in answer &&
    'Version' in answer &&
    typeof answer.Version === 'object'
  );
}
