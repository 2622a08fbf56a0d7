import { Type } from 'typebox';
import { BrambleError } from '../../support/errors.ts';
import { invalid } from '../../support/schema.ts';
import type { App } from '../app-types.ts';
import { letterToJson, letterWithDataToJson } from '../event-json.ts';
import { plainName } from '../function-path.ts';
import type { DeadLetters, GatewayOptions } from '../ports.ts';

const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const IdText = Type.String({ pattern: '^[1-9][0-9]{0,14}$' });
const IdParams = Type.Object({ id: IdText });
const FunctionQuery = Type.String({
  pattern: '^[a-z0-9]([-.a-z0-9]{0,126}[a-z0-9])?$',
  description: 'name of a function',
});
const ListQuery = Type.Object({
  function: Type.Optional(FunctionQuery),
  limit: Type.Optional(Type.String({ pattern: '^([1-9][0-9]{0,2}|1000)$', description: '1 to 1000' })),
  before: Type.Optional({ ...IdText, description: 'only letters older than this id: the next page' }),
});
const ReplayBody = Type.Object(
  { ids: Type.Array(Id, { minItems: 1, maxItems: 1_000 }) },
  { additionalProperties: false },
);
const PurgeQuery = Type.Object({
  function: Type.Optional(FunctionQuery),
  all: Type.Optional(Type.Literal('true')),
});
const listLimit = '100';

/** Events that no function could handle: read them, queue them again, delete them. */
export function registerDeadLetters(app: App, { deadLetters }: Pick<GatewayOptions, 'deadLetters'>): void {
  app.get(
    '/bramble/dead-letters',
    {
      schema: { querystring: ListQuery },
      config: { summary: 'Lists dead letters, newest first', answers: { 200: 'array, without data' } },
    },
    async ({ query }) => {
      const letters = await deadLetters.list({
        limit: Number(query.limit ?? listLimit),
        ...(query.function === undefined ? {} : { function: plainName(query.function) }),
        ...(query.before === undefined ? {} : { beforeId: Number(query.before) }),
      });
      return letters.map(letterToJson);
    },
  );
  app.post(
    '/bramble/dead-letters/replay',
    {
      schema: { body: ReplayBody },
      config: { summary: 'Queues dead letters again', answers: { 200: 'how many, for which functions' } },
    },
    async (request) => deadLetters.replay({ ids: request.body.ids }),
  );
  app.delete(
    '/bramble/dead-letters',
    {
      schema: { querystring: PurgeQuery },
      config: { summary: 'Deletes the dead letters of a function, or all', answers: { 200: 'how many' } },
    },
    async ({ query }) => {
      if (query.function === undefined && query.all === undefined)
        throw invalid([{ path: 'function', message: 'is required (or all=true)' }], { what: 'query' });
      const { function: name } = query;
      const which = name === undefined ? 'all' : { function: plainName(name) };
      return { deleted: await deadLetters.purge(which) };
    },
  );
  registerOne(app, deadLetters);
}

function registerOne(app: App, deadLetters: DeadLetters): void {
  const find = async (id: string) => {
    const letter = await deadLetters.get(Number(id));
    if (letter === undefined) throw new BrambleError('NOT_FOUND', `no dead letter ${id}`);
    return letter;
  };
  app.get(
    '/bramble/dead-letters/:id',
    {
      schema: { params: IdParams },
      config: {
        summary: 'Shows a dead letter with its data',
        answers: { 200: 'it', 404: 'no such dead letter' },
      },
    },
    async (request) => letterWithDataToJson(await find(request.params.id)),
  );
  app.post(
    '/bramble/dead-letters/:id/replay',
    {
      schema: { params: IdParams },
      config: {
        summary: 'Queues a dead letter again',
        answers: { 200: 'for which function', 404: 'no such dead letter' },
      },
    },
    async (request) => {
      const { id } = await find(request.params.id);
      return deadLetters.replay({ ids: [id] });
    },
  );
  app.delete(
    '/bramble/dead-letters/:id',
    {
      schema: { params: IdParams },
      config: { summary: 'Deletes a dead letter', answers: { 200: 'how many', 404: 'no such dead letter' } },
    },
    async (request) => {
      const { id } = await find(request.params.id);
      return { deleted: await deadLetters.purge({ ids: [id] }) };
    },
  );
}
