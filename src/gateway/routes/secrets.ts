import { Type } from 'typebox';
import { secretName } from '../../functions/spec.ts';
import { invalid } from '../../support/schema.ts';
import type { App } from '../app-types.ts';
import { isOurNamespace, namespace } from '../function-path.ts';
import type { Managing } from '../ports.ts';
import { NamespaceQuery } from './functions.ts';

const SecretKey = Type.Object({
  name: secretName,
  namespace: Type.Optional(Type.Enum(['', namespace])),
});
const SecretBody = Type.Object({
  ...SecretKey.properties,
  value: Type.Optional(Type.String({ description: 'text', secret: true })),
  rawValue: Type.Optional(Type.String({ format: 'byte', description: 'base64', secret: true })),
});

/** Secrets: written, named and removed; never read back. */
export function registerSecrets(app: App, { runtime: { secrets } }: Pick<Managing, 'runtime'>): void {
  app.get(
    '/system/secrets',
    {
      schema: { querystring: NamespaceQuery },
      config: { summary: 'Lists the names of the secrets', answers: { 200: 'array of {name, namespace}' } },
    },
    async (request) => {
      if (!isOurNamespace(request.query.namespace)) return [];
      return (await secrets.list()).map((name) => ({ name, namespace }));
    },
  );
  app.post(
    '/system/secrets',
    {
      schema: { body: SecretBody },
      config: { summary: 'Creates a secret', answers: { 201: 'created', 409: 'exists already' } },
    },
    async (request, reply) => {
      await secrets.create(request.body.name, decodeValue(request.body));
      return reply.code(201).send();
    },
  );
  app.put(
    '/system/secrets',
    {
      schema: { body: SecretBody },
      config: { summary: 'Replaces a secret', answers: { 200: 'replaced', 404: 'no such secret' } },
    },
    async (request, reply) => {
      await secrets.replace(request.body.name, decodeValue(request.body));
      return reply.code(200).send();
    },
  );
  app.delete(
    '/system/secrets',
    {
      schema: { body: SecretKey },
      config: {
        summary: 'Removes a secret',
        answers: { 200: 'removed', 404: 'no such secret', 409: 'a function uses it' },
      },
    },
    async (request, reply) => {
      await secrets.remove(request.body.name);
      return reply.code(200).send();
    },
  );
}

function decodeValue({ value, rawValue }: { value?: string; rawValue?: string }): Uint8Array {
  if (rawValue !== undefined && value === undefined) return Buffer.from(rawValue, 'base64');
  if (value !== undefined && rawValue === undefined) return Buffer.from(value);
  const message = value === undefined ? 'is required (or rawValue)' : 'must not be given beside rawValue';
  throw invalid([{ path: 'value', message }], { what: 'request body' });
}
