import { describe, expect, it } from 'vitest';
import type { ServiceHealth } from '../../../provision/read-health.ts';
import { renderHealth, untilHealthy } from '../../../provision/stack-health.ts';
import type { DockerCli } from '../../../src/support/docker-cli.ts';
import { hastyClock } from '../../support/memory-life.ts';

const agent: ServiceHealth = {
  ...{ name: 'agent', running: 2, wanted: 3, update: '' },
  faults: [{ task: 't1', node: 'pi-03', error: 'No such image' }],
};

interface Look {
  /** As `docker service ps` has them: slot, node, wanted state, state, error. */
  readonly tasks: readonly (readonly [string, string, string, string, string?])[];
  readonly update?: string;
  /** By id, for those who are not from before the update; all tasks are `t1`, `t2`, … in their order. */
  readonly born?: Readonly<Record<string, string>>;
}

const updateStart = '2026-05-01T10:00:00Z';
const runs = ['a', 'pi-01', 'Running', 'Running 1 hour ago'] as const;

/** Docker with one service, whose state goes on with every look. */
function dockerWith(looks: readonly Look[], lastWords = ''): DockerCli {
  let number = -1;
  const now = (): Look => looks[Math.min(number, looks.length - 1)] ?? { tasks: [] };
  return {
    run: async ([noun, verb, ...rest], { onLine } = {}) => {
      if (noun === 'stack') number += 1;
      switch (`${noun} ${verb}`) {
        case 'stack services':
          return 'bramble_agent';
        case 'service inspect':
          return `bramble_agent\t${now().update ?? ''}\t"${updateStart}"`;
        case 'service ps':
          return now()
            .tasks.map(([slot, node, desired, state, error = ''], i) =>
              [`t${i + 1}`, `bramble_agent.${slot}`, node, desired, state, error].join('\t'),
            )
            .join('\n');
        case 'inspect --type':
          return rest
            .filter((word) => /^t\d$/.test(word))
            .map((id) => `${id}\t"${now().born?.[id] ?? '2026-04-01T10:00:00Z'}"`)
            .join('\n');
        default: // service logs
          for (const line of lastWords.split('\n')) onLine?.(line);
          return '';
      }
    },
  };
}

function wait(docker: DockerCli, { timeoutMs = 60_000, rolledBack = [] as string[] } = {}) {
  const seen: string[] = [];
  const { signal } = new AbortController();
  const done = untilHealthy(docker, 'bramble', {
    ...{ clock: hastyClock(), timeoutMs, signal, rolledBack },
    onChange: (services) => seen.push(renderHealth(services)),
  });
  return { done, seen };
}

describe('the health of the stack', () => {
  it('is told in one line, with what keeps a service from running', () => {
    const control = { name: 'control', running: 1, wanted: 1, update: 'completed', faults: [] };
    expect(renderHealth([agent, control])).toBe('agent 2/3 (pi-03: No such image), control 1/1');
  });

  it('is waited for, and told once for each change', async () => {
    const starts = ['a', 'pi-01', 'Running', 'Starting 1 second ago'] as const;
    const { done, seen } = wait(
      dockerWith([
        { tasks: [starts] },
        { tasks: [starts] },
        { tasks: [runs], update: 'updating' },
        { tasks: [runs], update: 'completed' },
      ]),
    );
    await done;
    expect(seen).toEqual(['agent 0/1', 'agent 1/1 updating', 'agent 1/1']);
  });

  it('is not there while a task that failed waits for its next attempt', async () => {
    const failed = ['b', 'pi-02', 'Shutdown', 'Failed 1 second ago', 'task: non-zero exit (1)'] as const;
    const waits = { tasks: [runs, ['b', 'pi-02', 'Ready', 'Ready 1 second ago'] as const, failed] };
    const { done, seen } = wait(dockerWith([waits]), { timeoutMs: 0 });
    await expect(done).rejects.toThrow(/is not healthy after 0 s/);
    expect(seen).toEqual(['agent 1/2 (pi-02: task: non-zero exit (1))']);
  });

  it('is given up when a task ends again and again', async () => {
    let attempt = 0;
    const fails: DockerCli = {
      run: async ([noun, verb]) => {
        if (noun === 'stack') return 'bramble_agent';
        if (verb === 'inspect') return 'bramble_agent\t\t';
        if (verb !== 'ps') return '';
        attempt += 1;
        return `t${attempt}\tbramble_agent.b\tpi-02\tShutdown\tFailed\texit (1)\nw\tbramble_agent.b\tpi-02\tReady\tReady\t`;
      },
    };
    const forever = { timeoutMs: Number.POSITIVE_INFINITY };
    await expect(wait(fails, forever).done).rejects.toThrow(
      /agent ends again and again: .*pi-02: exit \(1\)/,
    );
  });

  it('does not tell of what went wrong and is well again, or is of an earlier update', async () => {
    const earlier = ['a', 'pi-01', 'Shutdown', 'Failed 1 day ago', 'task: non-zero exit (1)'] as const;
    const now = ['b', 'pi-02', 'Shutdown', 'Rejected 1 second ago', 'No such image'] as const;
    const look = { tasks: [runs, earlier, now], born: { t3: updateStart } };
    const { done, seen } = wait(dockerWith([{ ...look, update: 'updating' }, { tasks: [runs, earlier] }]));
    await done;
    expect(seen).toEqual(['agent 1/1 updating (pi-02: No such image)', 'agent 1/1']);
  });

  it('is given up as soon as an update is rolled back, with the reason, and what the agent had to say', async () => {
    const failed = ['a', 'pi-01', 'Shutdown', 'Failed 1 second ago', '"task: non-zero exit (9)"'] as const;
    const look = { tasks: [runs, failed], update: 'rollback_started', born: { t2: updateStart } };
    const said = 'starting\nbramble: the disk is full\n    at somewhere\n';
    await expect(wait(dockerWith([look], said)).done).rejects.toMatchObject({
      code: 'FUNCTION_UNREADY',
      message: expect.stringContaining(
        'was rolled back: agent 1/1 rollback started (pi-01: task: non-zero exit (9): bramble: the disk is full)',
      ),
    });
  });

  it('is there when an earlier update is rolled back', async () => {
    const looks = ['rollback_started', 'rollback_completed'].map((update) => ({ tasks: [runs], update }));
    const { done, seen } = wait(dockerWith(looks), { rolledBack: ['agent'] });
    await done;
    expect(seen).toEqual(['agent 1/1 rollback started', 'agent 1/1']);
  });

  it('is given up when Docker does nothing more', async () => {
    const look = { tasks: [runs], update: 'rollback_paused' };
    await expect(wait(dockerWith([look])).done).rejects.toThrow(
      /stands still half-way: agent 1\/1 rollback paused/,
    );
  });

  it('is given up when an update waits for ever for a node that is lost', async () => {
    const lost = ['c', 'pi-03', 'Shutdown', 'Pending 1 minute ago', '1 node not available'] as const;
    const forever = { timeoutMs: Number.POSITIVE_INFINITY };
    const look = { tasks: [runs, lost], update: 'updating', born: { t2: updateStart } };
    await expect(wait(dockerWith([look]), forever).done).rejects.toThrow(
      /does not go on, as when a node is lost in the middle of it: agent 1\/1 updating \(pi-03: 1 node not available/,
    );
  });

  it('is given up after its time, with the reason', async () => {
    const error = '"no suitable node (scheduling constraints not satisfied)"';
    const look: Look = { tasks: [['1', '', 'Running', 'Pending 1 second ago', error]] };
    await expect(wait(dockerWith([look]), { timeoutMs: 0 }).done).rejects.toMatchObject({
      code: 'FUNCTION_UNREADY',
      message: expect.stringContaining('agent 0/1 (no suitable node'),
    });
  });
});
