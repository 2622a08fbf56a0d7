import { describe, expect, it } from 'vitest';
import {
  decodeCatalogue,
  decodeIndex,
  encodeCatalogue,
  toStatus,
} from '../../../src/functions/catalogue-message.ts';
import { buildMessage, buildTask } from '../../support/catalogue-messages.ts';

const decode = (value: unknown) => decodeCatalogue(Buffer.from(JSON.stringify(value)), 'echo');

describe('a catalogue message', () => {
  it('comes back as it went', () => {
    const message = buildMessage({ service: { labels: { a: 'b' } } });
    expect(decodeCatalogue(Buffer.from(encodeCatalogue(message)), 'echo')).toEqual(message);
  });

  it('may have fields that only a newer agent knows', () => {
    expect(decode({ ...buildMessage(), since: 'tomorrow' })).toMatchObject({ name: 'echo' });
  });

  it.each([
    ['is of another function than its topic', { ...buildMessage(), name: 'other' }],
    ['lacks its version', { ...buildMessage(), version: undefined }],
    [
      'has an address that is none',
      buildMessage({ endpoints: [buildTask({ address: 'http://10.0.0.1:80/' })] }),
    ],
    ['has an address without a port', buildMessage({ endpoints: [buildTask({ address: '10.0.0.1' })] })],
    ['has fewer than no replicas', buildMessage({ replicas: -1 })],
  ])('that %s is refused', (_why, value) => {
    expect(() => decode(value)).toThrow(expect.objectContaining({ code: 'INVALID' }));
  });

  it.each(['', '{', '[]', '"x"', 'null'])('is never %j', (text) => {
    expect(() => decodeCatalogue(Buffer.from(text), 'echo')).toThrow(
      expect.objectContaining({ code: 'INVALID' }),
    );
    expect(() => decodeIndex(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'INVALID' }));
  });

  it('tells how many replicas can take requests', () => {
    const endpoints = [buildTask(), buildTask({ id: 'task-2', state: 'frozen' })];
    expect(toStatus(buildMessage({ replicas: 3, endpoints }))).toMatchObject({
      name: 'echo',
      image: 'echo:1',
      replicas: 3,
      availableReplicas: 1,
    });
  });
});
