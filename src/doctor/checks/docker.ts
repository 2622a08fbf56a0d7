import { messageOf, systemCode } from '../../support/errors.ts';
import { type Check, ok, warn } from '../finding.ts';
import { get } from '../http-get.ts';

export const defaultDockerSocket = '/var/run/docker.sock';

/** Docker is needed for functions in containers only, so that its absence is no fault. */
export function checkDocker(socketPath = defaultDockerSocket): Check {
  return {
    name: 'Docker',
    async run(signal) {
      try {
        const { status, body } = await get('http://docker/version', { socketPath, signal });
        if (status === 200) return [ok(`${versionOf(body)} at ${socketPath}`)];
        return [warn(`${socketPath} answered with status ${status}`, 'see the log of the Docker daemon')];
      } catch (err) {
        const code = systemCode(err);
        if (code === 'ENOENT') return [ok('not installed; functions run as local processes')];
        if (code === 'EACCES')
          return [
            warn(`${socketPath} is closed to this user`, 'to use Docker: add the user to the group docker'),
          ];
        return [warn(`${socketPath}: ${messageOf(err)}`, 'to use Docker: start its daemon')];
      }
    },
  };
}

function versionOf(body: string): string {
  return /"Version"\s*:\s*"([^"]+)"/.exec(body)?.[1] ?? 'of unknown version';
}
