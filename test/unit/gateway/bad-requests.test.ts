import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createApp } from '../../../src/gateway/app.ts';
import type { App } from '../../../src/gateway/app-types.ts';
import { OpenStreams } from '../../../src/gateway/open-streams.ts';
import { authorization, fakeParts } from '../../support/gateway.ts';

interface Operation {
  readonly url: string;
  readonly method: 'POST' | 'PUT' | 'DELETE';
  readonly fields: readonly string[];
  readonly required: readonly string[];
}

let app: App;
let operations: Operation[];

beforeAll(async () => {
  app = await createApp(fakeParts().options, { streams: new OpenStreams(), addresses: () => [] });
  operations = operationsWithBody((await app.inject('/openapi.json')).json());
});
afterAll(() => app.close());

it('answers 500 bodies that break a schema with a 4xx that names the field, and lives on', async () => {
  expect(operations.length).toBeGreaterThan(6);
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(), fc.jsonValue(), async (which, field, junk) => {
      const operation = pick(operations, which);
      const name = pick(operation.fields, field);
      // No field of any body takes an object with a list in it; those that take maps want texts.
      const payload = { ...valid(operation), [name]: { '': [junk] } };
      const response = await send(operation, JSON.stringify(payload));
      expect([response.statusCode, payload, response.body]).toEqual([
        expect.toSatisfy(is4xx),
        payload,
        expect.stringContaining(name),
      ]);
    }),
    { numRuns: 500 },
  );
  expect((await app.inject('/healthz')).statusCode).toBe(200);
});

it('answers any text, JSON or not, with anything but a 5xx', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.constantFrom('', '{', '[]', 'null', '"x"', '1'),
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(), text, async (which, payload) => {
      const response = await send(pick(operations, which), payload);
      expect([response.statusCode, payload]).toEqual([expect.toSatisfy((status) => status < 500), payload]);
    }),
    { numRuns: 500 },
  );
});

it('answers broken JSON with 400 and the place where it breaks', async () => {
  const response = await send({ url: '/system/functions', method: 'POST' }, '{\n  "service": x\n}');
  expect([response.statusCode, response.body]).toEqual([
    400,
    'request body is not JSON at position 15 (line 2, column 14): found "x\\n}"',
  ]);
});

it('survives bodies built to hurt: deep nesting, a thousand wrong items, a prototype', async () => {
  const deep = `{"service":${'['.repeat(100_000)}${']'.repeat(100_000)},"image":"x"}`;
  const wide = JSON.stringify({ service: 'a', image: 'x', constraints: Array(100_000).fill(1) });
  const proto = '{"service":"a","image":"x","envVars":{"__proto__":{"polluted":1}}}';
  for (const payload of [deep, wide, proto]) {
    const response = await send({ url: '/system/functions', method: 'POST' }, payload);
    expect(response.statusCode).toBe(400);
    expect(response.body.length).toBeLessThan(20_000);
  }
  expect({}).not.toHaveProperty('polluted');
});

async function send({ url, method }: Pick<Operation, 'url' | 'method'>, payload: string) {
  return await app.inject({ method, url, headers: { authorization }, payload });
}

function is4xx(status: number): boolean {
  return status >= 400 && status < 500;
}

function pick<Item>(items: readonly Item[], index: number): Item {
  const item = items[index % items.length];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/** A value for each required field, so that the one broken field is what the answer is about. */
function valid({ required }: Operation): Record<string, unknown> {
  return Object.fromEntries(required.map((name) => [name, name === 'replicas' ? 1 : 'a']));
}

function operationsWithBody(document: { paths: Record<string, Record<string, ApiOperation>> }): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { requestBody }]) => {
      if (requestBody === undefined) return [];
      const { properties, required = [] } = requestBody.content['application/json'].schema;
      const url = path.replace('{name}', 'echo').replace('{id}', '7');
      const upper = method.toUpperCase() as Operation['method']; // only these three have bodies
      return [{ url, method: upper, fields: Object.keys(properties), required }];
    }),
  );
}

interface ApiOperation {
  readonly requestBody?: {
    readonly content: {
      readonly 'application/json': {
        readonly schema: { readonly properties: Record<string, unknown>; readonly required?: string[] };
      };
    };
  };
}
