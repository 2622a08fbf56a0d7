import { type Static, Type } from 'typebox';
import { FunctionSpec, type FunctionStatus } from '../../functions/spec.ts';
import { BrambleError, toBrambleError } from '../../support/errors.ts';
import { invalid } from '../../support/schema.ts';
import type { App } from '../app-types.ts';
import { isOurNamespace, namespace, plainName } from '../function-path.ts';
import { countInvocations } from '../invocations.ts';
import type { GatewayParts, Managing } from '../ports.ts';

type Options = Pick<GatewayParts & Managing, 'runtime' | 'countCalls' | 'metrics'>;

export const NamespaceQuery = Type.Object({
  namespace: Type.Optional(Type.String({ description: `${namespace} or empty` })),
});
const StatusQuery = Type.Object({ ...NamespaceQuery.properties, usage: Type.Optional(Type.String()) });
const NameParams = Type.Object({ name: Type.String({ minLength: 1 }) });
const DeleteBody = Type.Object({
  functionName: Type.String({ minLength: 1 }),
  namespace: Type.Optional(Type.String()),
});
const ScaleBody = Type.Object({
  serviceName: Type.Optional(Type.String()),
  namespace: Type.Optional(Type.String()),
  replicas: Type.Integer({ minimum: 0, maximum: 1_000 }),
});

/** Deploy, update, list, describe, scale and remove functions. */
export function registerFunctions(app: App, options: Options): void {
  const { runtime, metrics, countCalls = () => countInvocations(metrics) } = options;
  app.get(
    '/system/functions',
    {
      schema: { querystring: NamespaceQuery },
      config: { summary: 'Lists the functions', answers: { 200: 'array of functions' } },
    },
    async (request) => {
      if (!isOurNamespace(request.query.namespace)) return [];
      const [functions, counts] = await Promise.all([runtime.list(), countCalls()]);
      return functions.map((status) => toJson(status, counts));
    },
  );
  app.post(
    '/system/functions',
    {
      schema: { body: FunctionSpec },
      config: { summary: 'Deploys a function', answers: { 202: 'stored; its replicas are being started' } },
    },
    async (request, reply) => {
      await runtime.deploy(inOurNamespace(request.body));
      return reply.code(202).send();
    },
  );
  app.put(
    '/system/functions',
    {
      schema: { body: FunctionSpec },
      config: {
        summary: 'Replaces a function',
        answers: { 202: 'stored; old replicas serve until new ones are ready', 404: 'no such function' },
      },
    },
    async (request, reply) => {
      await runtime.update(inOurNamespace(request.body));
      return reply.code(202).send();
    },
  );
  app.delete(
    '/system/functions',
    {
      schema: { body: DeleteBody },
      config: { summary: 'Removes a function', answers: { 202: 'removed', 404: 'no such function' } },
    },
    async (request, reply) => {
      const { functionName } = request.body;
      await runtime.remove(knownName(functionName, request.body.namespace)).catch((err: unknown) => {
        throw toBrambleError(err).code === 'FUNCTION_NOT_FOUND' ? noService(functionName, err) : err;
      });
      return reply.code(202).send();
    },
  );
  registerOne(app, { runtime, countCalls });
}

interface OneOptions extends Pick<Options, 'runtime'> {
  readonly countCalls: () => ReadonlyMap<string, number> | Promise<ReadonlyMap<string, number>>;
}

function registerOne(app: App, { runtime, countCalls }: OneOptions): void {
  app.get(
    '/system/function/:name',
    {
      schema: { params: NameParams, querystring: StatusQuery },
      config: { summary: 'Describes a function', answers: { 200: 'the function', 404: 'no such function' } },
    },
    async (request) => {
      const name = knownName(request.params.name, request.query.namespace);
      const status = await runtime.describe(name);
      if (status === undefined)
        throw new BrambleError('FUNCTION_NOT_FOUND', `no function ${name} is deployed`);
      return toJson(status, await countCalls());
    },
  );
  app.post(
    '/system/scale-function/:name',
    {
      schema: { params: NameParams, querystring: NamespaceQuery, body: ScaleBody },
      config: {
        summary: 'Sets the number of replicas',
        answers: { 202: 'replicas are being started or ended', 404: 'no such function' },
      },
    },
    async (request, reply) => {
      const { params, query, body } = request;
      await runtime.scale(knownName(params.name, query.namespace ?? body.namespace), body.replicas);
      return reply.code(202).send();
    },
  );
}

function toJson(status: FunctionStatus, counts: ReadonlyMap<string, number>): object {
  return { ...status, namespace, invocationCount: counts.get(status.name) ?? 0 };
}

function inOurNamespace(spec: Static<typeof FunctionSpec>): FunctionSpec {
  if (isOurNamespace(spec.namespace)) return spec;
  const message = `must be ${namespace} or left out: there is only one namespace here`;
  throw invalid([{ path: 'namespace', message }], { what: 'request body' });
}

function knownName(qualified: string, wantedNamespace: string | undefined): string {
  if (isOurNamespace(wantedNamespace)) return plainName(qualified);
  throw new BrambleError('FUNCTION_NOT_FOUND', `no function ${qualified} in namespace ${wantedNamespace}`);
}

/** The sentence that OpenFaaS's clients know. */
function noService(name: string, cause: unknown): BrambleError {
  return new BrambleError('FUNCTION_NOT_FOUND', `No such service found: ${name}.`, { cause });
}
