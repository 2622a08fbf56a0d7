import { type Check, fail, ok, warn } from '../finding.ts';
import { get } from '../http-get.ts';
import { isPortFree, reachableHost } from '../ports.ts';

/** Is the agent's gateway up, or at least free to come up? */
export function checkGateway({ host, port }: { host: string; port: number }): Check {
  return {
    name: 'gateway',
    async run(signal) {
      const place = `${host}:${port}`;
      if (await isPortFree(port, host)) {
        return [
          warn(
            `nothing listens on ${place}: no agent runs here`,
            'start one with npm start, or bramble agent',
          ),
        ];
      }
      const url = `http://${reachableHost(host)}:${port}`;
      const status = await get(`${url}/healthz`, { signal }).then(
        (answer) => answer.status,
        () => 0, // something that does not speak HTTP
      );
      if (status === 200) return [ok(`${url} is healthy`)];
      return [
        fail(
          `what listens on ${place} is no healthy gateway (GET /healthz: ${status === 0 ? 'no answer' : status})`,
          'stop that program, or set gateway.port to a free port',
        ),
      ];
    },
  };
}
