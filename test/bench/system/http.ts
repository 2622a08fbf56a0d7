import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { echoSpecs, writeEchoes } from '../echoes.ts';
import { compete, wrk } from '../measure.ts';
import type { Bench, Row } from '../rows.ts';
import { deploy, startShippedAgent } from './shipped-agent.ts';
import { end, kill, startBare } from './start.ts';

const rounds = 3;
const seconds = 2;

export const httpBench: Bench = {
  name: 'system-http',
  title: 'Calls over HTTP',
  method:
    'wrk posts 100 bytes to an echo through the whole agent, one replica: to a warm framed worker, and to an HTTP server ' +
    'behind `mode: http`. Against the same server called directly, without an agent, turn and turn about. Agent, function ' +
    'and wrk share the cores.',
  async measure() {
    const folder = await writeEchoes();
    const agent = await startShippedAgent();
    const direct = await startBare(folder);
    try {
      const specs = Object.values(echoSpecs(folder)).filter(({ service }) =>
        ['node', 'http'].includes(service),
      );
      for (const spec of specs) await deploy(agent, spec);
      const post = (url: string, connections: number) =>
        wrk(url, { connections, seconds, script: join(folder, 'post.lua') });
      const rows: Row[] = [];
      for (const connections of [1, 16, 64]) {
        const { server, framed, http } = await compete(rounds, {
          server: () => post(direct.url, connections),
          framed: () => post(`${agent.url}/function/node`, connections),
          http: () => post(`${agent.url}/function/http`, connections),
        });
        const reference = { what: 'the server directly', value: server };
        rows.push(
          { what: `framed Node.js, ${connections} connections`, ours: framed, unit: '/s', reference },
          { what: `mode: http, ${connections} connections`, ours: http, unit: '/s', reference },
        );
      }
      return rows;
    } finally {
      await kill(direct.child);
      await end(agent);
      await rm(folder, { recursive: true });
    }
  },
};
