import { expect, it } from 'vitest';
import { putBack } from '../../../provision/put-back.ts';
import { hastyClock } from '../../support/memory-life.ts';

interface Service {
  update: string;
  readonly is: string;
  readonly was: string;
}

/** Docker that comes to rest after some looks. */
function dockerWith(services: Readonly<Record<string, Service>>, looksToRest: number) {
  const changes: string[] = [];
  let looks = 0;
  const rest = (update: string) => update.replace('rollback_started', 'rollback_completed');
  const run = async (args: readonly string[]) => {
    const [noun, verb, ...words] = args;
    const named = Object.entries(services).filter(([name]) => words.includes(name));
    if (noun === 'stack') return Object.keys(services).join('\n');
    if (verb === 'ps') return '';
    if (verb !== 'inspect') changes.push(args.join(' '));
    if (verb === 'rollback') for (const [, service] of named) service.update = 'rollback_started';
    if (verb === 'update') for (const [, service] of named) service.update = '';
    if (!words[1]?.includes('.UpdateStatus'))
      return named.map(([name, { is, was }]) => `${name}\t${is}\t${was}`).join('\n');
    looks += 1;
    return named
      .map(([name, s]) => `${name}\t${looks < looksToRest ? s.update : rest(s.update)}\t`)
      .join('\n');
  };
  return { docker: { run }, changes, looks: () => looks };
}

const options = {
  ...{ stackName: 'bramble', fingerprint: 'new', clock: hastyClock() },
  signal: new AbortController().signal,
};

it('puts back the services that an update has reached, or is reaching, and no others, and waits for all', async () => {
  const { docker, changes, looks } = dockerWith(
    {
      bramble_agent: { update: 'rollback_started', is: 'old', was: '' },
      bramble_control: { update: 'updating', is: 'new', was: 'old' },
      bramble_mosquitto: { update: '', is: 'new', was: '' },
      bramble_extra: { update: '', is: 'new', was: 'new' },
    },
    3,
  );
  expect(await putBack(docker, options)).toEqual(['bramble_control']);
  expect(changes).toEqual(['service rollback --detach bramble_control']);
  expect(looks()).toBe(3);
});

it('has Docker go on with a way back that stands still', async () => {
  const { docker, changes } = dockerWith(
    { bramble_agent: { update: 'rollback_paused', is: 'old', was: '' } },
    0,
  );
  expect(await putBack(docker, options)).toEqual([]);
  expect(changes).toEqual([
    expect.stringMatching(/^service update --detach --label-add bramble.again=\S+ bramble_agent$/),
  ]);
});

it('has Docker begin anew with a way back that does not go on, as when a node is lost in the middle of it', async () => {
  const { docker, changes } = dockerWith(
    { bramble_agent: { update: 'rollback_started', is: 'old', was: '' } },
    Number.POSITIVE_INFINITY,
  );
  expect(await putBack(docker, options)).toEqual([]);
  expect(changes).toEqual([expect.stringContaining('bramble.again=')]);
});
