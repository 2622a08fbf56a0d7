import { randomUUID } from 'node:crypto';
import type { Clock } from '../src/support/clock.ts';
import { type DockerCli, linesOf } from '../src/support/docker-cli.ts';
import { poll } from './poll.ts';
import { readHealth, type ServiceHealth } from './read-health.ts';
import { fingerprintLabel } from './stack.ts';
import { isMoving, isStuck, watchStillness } from './stack-health.ts';

export interface PutBackOptions {
  readonly stackName: string;
  /** Of the update that failed. */
  readonly fingerprint: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** For an image that is there already, and an agent that gets healthy. */
const settledMs = 180_000;

/**
 * After an update of one service has failed, and Docker rolls that back: the others go back to what they were as well, in the
 * middle of their update or after it, so that all are of one version again. So does one whose way back stands still half-way.
 * Resolves to the names of the others, when Docker is done.
 */
export async function putBack(docker: DockerCli, options: PutBackOptions): Promise<string[]> {
  const updated = await findUpdated(docker, options);
  // Docker may have begun with it meanwhile; then there is nothing left to go back to.
  for (const name of updated) await docker.run(['service', 'rollback', '--detach', name]).catch(() => {});
  const halfWay = (await untilSettled(docker, options)).filter((one) => isStuck(one) || isMoving(one));
  for (const { name } of halfWay) await goOn(docker, `${options.stackName}_${name}`);
  if (halfWay.length > 0) await untilSettled(docker, options);
  return updated;
}

/** Docker begins again with what it is to bring about only when that is something else, be it a label that says nothing. */
async function goOn(docker: DockerCli, service: string): Promise<void> {
  await docker.run([
    'service',
    'update',
    '--detach',
    '--label-add',
    `bramble.again=${randomUUID()}`,
    service,
  ]);
}

async function findUpdated(docker: DockerCli, { stackName, fingerprint }: PutBackOptions): Promise<string[]> {
  const names = await linesOf(docker, ['stack', 'services', '--format', '{{.Name}}', stackName]);
  const now = `{{index .Spec.Labels "${fingerprintLabel}"}}`;
  const before = `{{if .PreviousSpec}}{{index .PreviousSpec.Labels "${fingerprintLabel}"}}{{end}}`;
  const inspected = await docker.run([
    ...['service', 'inspect', '--format', `{{.Spec.Name}}\t${now}\t${before}`],
    ...names,
  ]);
  return inspected.split('\n').flatMap((line) => {
    const [name = '', is, was = ''] = line.split('\t');
    return is === fingerprint && was !== '' && was !== fingerprint ? [name] : [];
  });
}

/** Until no service is on its way any more, or nothing of it goes on; at the latest after a time. */
async function untilSettled(
  docker: DockerCli,
  { stackName, clock, signal }: PutBackOptions,
): Promise<readonly ServiceHealth[]> {
  const doesNotGoOn = watchStillness(clock);
  return poll(() => readHealth(docker, stackName), {
    ...{ clock, timeoutMs: settledMs, signal },
    isEnough: (services) => !services.some(isMoving) || doesNotGoOn(services),
  });
}
