import { Type } from 'typebox';
import type { DeliveryRequest } from '../../store/store.ts';
import type { App } from '../app-types.ts';
import { readBody } from '../bodies.ts';
import { parseFunctionPath } from '../function-path.ts';
import type { GatewayOptions } from '../ports.ts';
import { markedHeaders } from './invoke.ts';

type Options = Pick<GatewayOptions, 'acceptAsync' | 'maxBodyBytes' | 'clock'>;

/** `POST /async-function/NAME` and below: 202 once the call is on disk. */
export function registerInvokeAsync(app: App, options: Options): void {
  const { acceptAsync, maxBodyBytes, clock } = options;
  for (const url of ['/async-function/:name', '/async-function/:name/*'])
    app.route({
      method: 'POST',
      url,
      schema: {
        headers: Type.Object({
          'x-callback-url': Type.Optional(
            Type.String({ format: 'uri', pattern: '^https?://', description: 'where the answer is posted' }),
          ),
        }),
      },
      config: {
        summary: 'Accepts a call to be made later',
        isPublic: true,
        answers: {
          202: 'stored; X-Call-Id names it',
          404: 'no such function',
          413: 'the body is over the limit',
          429: 'the function’s queue is full',
          507: 'the disk is full',
        },
      },
      handler: async (request, reply) => {
        const { raw } = request;
        const { name, path, query } = parseFunctionPath(raw.url ?? '', '/async-function/');
        const headers = flatten(markedHeaders(raw, clock.nowMs()));
        reply.headers({ 'X-Call-Id': headers['x-call-id'], 'X-Start-Time': headers['x-start-time'] });
        const body = await readBody(raw, maxBodyBytes);
        const callbackUrl = headers['x-callback-url'] ?? null;
        await acceptAsync(name, { method: 'POST', path, query, headers, body, callbackUrl });
        return reply.code(202).send();
      },
    });
}

function flatten(headers: Readonly<Record<string, string | readonly string[]>>): DeliveryRequest['headers'] {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : value.join(', '),
    ]),
  );
}
