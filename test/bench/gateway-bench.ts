import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { Gateway } from '../../src/gateway/server.ts';
import { fakeParts } from '../support/gateway.ts';
import { compete, wrk } from './measure.ts';
import type { Bench, Row } from './rows.ts';

const rounds = 3;
const seconds = 2;
const answer = Buffer.from('hello');

export const gatewayBench: Bench = {
  name: 'gateway',
  title: 'The gateway alone',
  method:
    '`GET /function/echo` by wrk, to a function that answers at once in the same process: what routing, headers, call ids ' +
    'and limits cost; against a bare `node:http` server with the same answer, in the same process, turn and turn about.',
  async measure() {
    const gateway = new Gateway({
      ...fakeParts().options,
      invoke: async () => ({ status: 200, headers: { 'content-type': 'text/plain' }, body: answer }),
    });
    const bare = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': answer.length });
      response.end(answer);
    });
    await gateway.start(new AbortController().signal);
    await once(bare.listen(0, '127.0.0.1'), 'listening');
    try {
      const rows: Row[] = [];
      for (const connections of [1, 16, 64]) {
        const { ours, theirs } = await compete(rounds, {
          theirs: () => wrk(`http://127.0.0.1:${portOf(bare)}/`, { connections, seconds }),
          ours: () => wrk(`http://127.0.0.1:${gateway.port}/function/echo`, { connections, seconds }),
        });
        const reference = { what: 'bare node:http', value: theirs };
        rows.push({ what: `requests, ${connections} connections`, ours, unit: '/s', reference });
      }
      return rows;
    } finally {
      bare.close();
      bare.closeAllConnections();
      await gateway.stop();
    }
  },
};

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the bare server does not listen');
  return address.port;
}
