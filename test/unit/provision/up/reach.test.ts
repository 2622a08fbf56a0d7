import { beforeEach, expect, it } from 'vitest';
import { type MachineCall, MemoryRemote } from '../../../../provision/remote/remote.memory.ts';
import { reach } from '../../../../provision/up/reach.ts';
import { BrambleError, type ErrorCode } from '../../../../src/support/errors.ts';
import { ImpatientClock } from '../../../support/impatient-clock.ts';

const { signal } = new AbortController();
let attempts: number;
let said: string[];
let clock: ImpatientClock;
beforeEach(() => {
  attempts = 0;
  said = [];
  clock = new ImpatientClock();
});

interface Booting {
  /** What it says to the first so many attempts. */
  readonly refusals?: readonly ErrorCode[];
  /** How its first command ends. */
  readonly run?: (call: MachineCall) => number;
}

function tryToReach({ refusals = [], run = () => 0 }: Booting, waitMs = 120_000): Promise<void> {
  const remote = new MemoryRemote('pi-01', {
    connect() {
      const code = refusals[attempts];
      attempts += 1;
      if (code !== undefined) throw new BrambleError(code, 'not yet');
    },
    run: async (call) => ({ status: run(call), stdout: '', stderr: '' }),
    serve: () => {},
  });
  const say = (line: string) => said.push(line);
  return reach(remote, {
    clock,
    waitMs,
    say,
    awaits: (forMs) => said.push(`awaited for ${forMs} ms`),
    signal,
  });
}

it('waits for a machine that boots', async () => {
  await tryToReach({ refusals: ['UNREACHABLE', 'UNREACHABLE', 'UNREACHABLE'] });
  expect(attempts).toBeGreaterThan(3);
  expect(said).toEqual(['awaited for 120000 ms']);
});

it('gives up when the time is over', async () => {
  const never = Array.from({ length: 10_000 }, (): ErrorCode => 'UNREACHABLE');
  await expect(tryToReach({ refusals: never })).rejects.toThrow('not yet');
  expect(clock.monotonicMs()).toBe(120_000);
});

it('tries once where nobody wants to wait', async () => {
  await expect(tryToReach({ refusals: ['UNREACHABLE'] }, 0)).rejects.toThrow('not yet');
  expect(attempts).toBe(1);
  expect(said).toEqual([]);
});

it.each(['HOST_KEY_CHANGED', 'HOST_KEY_UNKNOWN', 'UNAUTHORIZED'] as const)(
  'does not try again after %s',
  async (code) => {
    await expect(tryToReach({ refusals: [code] })).rejects.toThrow(expect.objectContaining({ code }));
    expect(attempts).toBe(1);
  },
);

it('begins anew when the connection is cut while the first boot goes on', async () => {
  let cuts = 2;
  await tryToReach({
    run() {
      cuts -= 1;
      if (cuts >= 0) throw new BrambleError('UNREACHABLE', 'cut');
      return 0;
    },
  });
  expect(cuts).toBe(-1);
});

it('waits for cloud-init, and says when it had errors', async () => {
  const commands: string[] = [];
  await tryToReach({
    run({ command }) {
      commands.push(command.join(' '));
      return 2;
    },
  });
  expect(commands).toEqual([expect.stringContaining('cloud-init status --wait')]);
  expect(said).toEqual([expect.stringContaining('cloud-init had errors')]);
});
