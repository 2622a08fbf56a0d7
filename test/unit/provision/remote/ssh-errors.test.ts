import { describe, expect, it } from 'vitest';
import { toSshError } from '../../../../provision/remote/ssh-errors.ts';

const brokenOff = 'kex_exchange_identification: Connection closed by remote host';
const refused = 'ssh: connect to host 192.168.1.9 port 22: No route to host';

describe('what ssh says when it cannot connect', () => {
  it.each([
    ['UNREACHABLE', 'on this network', refused],
    ['UNREACHABLE', 'on this network', brokenOff], // of a server that is being restarted
    ['UNREACHABLE', 'on this network', ''],
    ['HOST_KEY_UNKNOWN', 'bramble trust', 'Host key verification failed.'],
    ['HOST_KEY_CHANGED', 'nothing was sent', `@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @`],
    ['UNAUTHORIZED', 'ssh-add -l', 'pi@pi-01.local: Permission denied (publickey).'],
  ])('is %s, with what to do about it: %s', (code, advice, text) => {
    const { message, ...error } = toSshError('pi-01 (pi-01.local)', text, { jump: 'shed' });
    expect(error).toMatchObject({ code });
    expect(message).toContain('pi-01 (pi-01.local)');
    expect(message).toContain(advice);
    expect(message).not.toContain('jump host');
  });

  it.each([
    ['UNREACHABLE', 'the jump host shed on the way to it does not answer', refused],
    [
      'UNREACHABLE',
      'the jump host shed does not reach it',
      'channel 0: open failed: connect failed: No route',
    ],
    ['HOST_KEY_UNKNOWN', 'the jump host shed has a host key that is not', 'Host key verification failed.'],
    ['UNAUTHORIZED', 'the jump host shed takes none', 'ada@shed: Permission denied (publickey).'],
  ])('is %s of the jump host where that failed: %s', (code, why, text) => {
    const error = toSshError('pi-01 (pi-01.local)', `${text}\n${brokenOff}`, { jump: 'shed' });
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(`cannot be reached: ${why}`);
    expect(error.message).toContain(text);
  });

  it('is of a jump host that is silent, where there is one', () => {
    const text = 'Connection timed out during banner exchange';
    const through = toSshError('pi-01', text, { jump: 'shed' });
    expect(through.message).toContain('the jump host shed on the way to it does not answer');
    expect(toSshError('pi-01', text).message).toContain('on this network');
  });

  it('tells of a jump host that only ~/.ssh/config knows', () => {
    expect(toSshError('pi-01', `${refused}\n${brokenOff}`).message).toBe(
      `pi-01 cannot be reached: the jump host on the way to it does not answer; is that switched on? (${refused})`,
    );
  });
});
