import { beforeEach, describe, expect, it } from 'vitest';
import { LocalCatalogue } from '../../../src/functions/catalogue.local.ts';
import type { FunctionStatus } from '../../../src/functions/spec.ts';
import { silentLog } from '../../../src/support/log.ts';
import { buildEndpoint } from '../../support/fake-catalogue.ts';

function status(name: string, fields: Partial<FunctionStatus> = {}): FunctionStatus {
  return {
    name,
    image: 'x',
    namespace: '',
    envProcess: '',
    envVars: {},
    constraints: [],
    secrets: [],
    labels: {},
    annotations: {},
    readOnlyRootFilesystem: false,
    replicas: 1,
    availableReplicas: 1,
    createdAt: '2026-01-01T00:00:00.000Z',
    ...fields,
  };
}

describe('the local catalogue', () => {
  let functions: FunctionStatus[];
  let tell: () => void;
  let catalogue: LocalCatalogue;
  beforeEach(async () => {
    functions = [status('a', { annotations: { topic: 't' } })];
    tell = () => {};
    const runtime = {
      list: async () => functions,
      endpoints: () => [buildEndpoint()],
      onChange: (listener: () => void) => {
        tell = listener;
        return () => {
          tell = () => {};
        };
      },
    };
    catalogue = new LocalCatalogue(runtime, silentLog);
    await catalogue.start();
  });

  it('knows functions with their settings and replicas', () => {
    expect(catalogue.find('a')).toMatchObject({
      name: 'a',
      replicas: 1,
      settings: { triggers: { topics: ['t'] } },
    });
    expect(catalogue.find('b')).toBeUndefined();
    expect(catalogue.endpoints('a')).toHaveLength(1);
  });

  it('follows changes and tells of them, and keeps entries that did not change', async () => {
    const before = catalogue.find('a');
    const told = new Promise<void>((resolve) => catalogue.onChange(resolve));
    functions = [...functions, status('b')];
    tell();
    await told;
    expect(catalogue.entries().map(({ name }) => name)).toEqual(['a', 'b']);
    expect(catalogue.find('a')).toBe(before);
  });

  it('leaves a function aside whose settings it does not understand', async () => {
    const told = new Promise<void>((resolve) => catalogue.onChange(resolve));
    functions = [status('a'), status('odd', { annotations: { topic: '##' } })];
    tell();
    await told;
    expect(catalogue.entries().map(({ name }) => name)).toEqual(['a']);
  });
});
