import { describe, expect, it } from 'vitest';
import { toWantedFunction } from '../../../src/control/wanted-function.ts';
import { CatalogueMessage } from '../../../src/functions/catalogue-message.ts';
import { findProblems } from '../../../src/support/schema.ts';
import { buildTask } from '../../support/catalogue-messages.ts';
import { statusOf } from '../../support/fake-runtime.ts';

describe('what agents are told of a function', () => {
  it('fits the catalogue message', () => {
    const wanted = toWantedFunction(statusOf({ service: 'echo', image: 'echo:1' }), [buildTask()]);
    const message = { ...wanted, version: 1, at: '2026-01-01T00:00:00.000Z' };
    expect(findProblems(CatalogueMessage, message)).toEqual([]);
  });

  it('has of its environment only the settings', () => {
    const envVars = { exec_timeout: '2s', DB_PASSWORD: 'secret' };
    const { service } = toWantedFunction(statusOf({ service: 'echo', image: 'echo:1', envVars }), []);
    expect(service.envVars).toEqual({ exec_timeout: '2s' });
  });

  it('is the same in whatever order its replicas are listed', () => {
    const [a, b] = [buildTask({ id: 'a' }), buildTask({ id: 'b' })];
    const status = statusOf({ service: 'echo', image: 'echo:1' });
    expect(toWantedFunction(status, [b, a])).toEqual(toWantedFunction(status, [a, b]));
  });
});
