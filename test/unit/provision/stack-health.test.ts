import { describe, expect, it } from 'vitest';
import { renderHealth, type ServiceHealth, untilHealthy } from '../../../provision/stack-health.ts';
import { systemClock } from '../../../src/support/clock.system.ts';
import type { DockerCli } from '../../../src/support/docker-cli.ts';

const agent: ServiceHealth = {
  name: 'agent',
  running: 2,
  wanted: 3,
  update: '',
  reasons: ['pi-03: No such image'],
};

/** Docker with one service, whose state goes on with every look. */
function dockerWith(states: readonly { replicas: string; update?: string; tasks?: string }[]): DockerCli {
  let look = -1;
  const now = () => states[Math.min(look, states.length - 1)] ?? { replicas: '0/0' };
  return {
    run: async (args) => {
      if (args[0] === 'stack') {
        look += 1;
        return `bramble_agent\t${now().replicas}`;
      }
      if (args[1] === 'inspect') return now().update === undefined ? 'null' : `{"State":"${now().update}"}`;
      return now().tasks ?? '';
    },
  };
}

function wait(docker: DockerCli, timeoutMs: number) {
  const seen: string[] = [];
  const { signal } = new AbortController();
  const done = untilHealthy(docker, 'bramble', {
    clock: { ...systemClock, after: (_, run) => systemClock.after(0, run) },
    timeoutMs,
    signal,
    onChange: (services) => seen.push(renderHealth(services)),
  });
  return { done, seen };
}

describe('the health of the stack', () => {
  it('is told in one line, with what keeps a service from running', () => {
    const control = { name: 'control', running: 1, wanted: 1, update: 'completed', reasons: [] };
    expect(renderHealth([agent, control])).toBe('agent 2/3 (pi-03: No such image), control 1/1');
  });

  it('is waited for, and told once for each change', async () => {
    const { done, seen } = wait(
      dockerWith([
        { replicas: '0/1' },
        { replicas: '0/1' },
        { replicas: '1/1', update: 'updating' },
        { replicas: '1/1' },
      ]),
      60_000,
    );
    await done;
    expect(seen).toEqual(['agent 0/1', 'agent 1/1 updating', 'agent 1/1']);
  });

  it('is given up when an update was rolled back, with the reason', async () => {
    const failed = { replicas: '0/1', update: 'rollback_completed', tasks: 'pi-01\t"No such image: x"\n' };
    await expect(wait(dockerWith([failed]), 60_000).done).rejects.toThrow(
      /was rolled back: agent 0\/1 rollback completed \(pi-01: No such image: x\)/,
    );
  });

  it('is given up after its time, with the reason', async () => {
    const pending = { replicas: '0/0', tasks: '\t"no suitable node (scheduling constraints not satisfied)"' };
    await expect(wait(dockerWith([pending]), 0).done).rejects.toMatchObject({
      code: 'FUNCTION_UNREADY',
      message: expect.stringContaining('no suitable node'),
    });
  });
});
