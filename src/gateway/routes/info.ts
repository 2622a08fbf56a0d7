import { machine } from 'node:os';
import { Type } from 'typebox';
import { BrambleError } from '../../support/errors.ts';
import type { App } from '../app-types.ts';
import { namespace } from '../function-path.ts';
import type { GatewayParts, Managing } from '../ports.ts';

/** Who serves here, in the shape that OpenFaaS's clients read: no object in it may be null. */
export function registerInfo(
  app: App,
  { runtime, version }: Pick<GatewayParts & Managing, 'runtime' | 'version'>,
): void {
  const { release, sha } = version;
  app.get(
    '/system/info',
    {
      config: { summary: 'Names the provider and its version', answers: { 200: 'provider, version, arch' } },
    },
    async () => ({
      provider: { provider: 'bramble', version: { release, sha }, orchestration: runtime.kind },
      version: { release, sha, commit_message: '' },
      arch: machine(),
    }),
  );
  app.get(
    '/system/namespaces',
    { config: { summary: 'Lists the namespaces', answers: { 200: 'array of names; there is one' } } },
    async () => [namespace],
  );
  app.get(
    '/system/namespace/:name',
    {
      schema: { params: Type.Object({ name: Type.String() }) },
      config: {
        summary: 'Describes a namespace',
        answers: { 200: 'the namespace', 404: 'no such namespace' },
      },
    },
    async (request) => {
      if (request.params.name !== namespace)
        throw new BrambleError(
          'NOT_FOUND',
          `no namespace ${request.params.name}: the only one is ${namespace}`,
        );
      return { name: namespace, annotations: {}, labels: {} };
    },
  );
}
