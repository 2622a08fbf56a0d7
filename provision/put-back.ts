import { type Clock, sleep } from '../src/support/clock.ts';
import type { DockerCli } from '../src/support/docker-cli.ts';
import { fingerprintLabel } from './stack.ts';
import { readHealth } from './stack-health.ts';

export interface PutBackOptions {
  readonly stackName: string;
  /** Of the update that failed. */
  readonly fingerprint: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** For an image that is there already, and an agent that gets healthy. */
const settledMs = 180_000;
const pollMs = 500;

/**
 * After an update of one service has failed, and was rolled back: the others, which may have been updated by then, go back to what
 * they were as well, so that all are of one version again. Resolves to their names, when Docker is done.
 */
export async function putBack(docker: DockerCli, options: PutBackOptions): Promise<string[]> {
  await untilSettled(docker, options); // what is in the middle of an update may be rolled back by Docker as well
  const updated = await findUpdated(docker, options);
  for (const name of updated) await docker.run(['service', 'rollback', '--detach', name]);
  if (updated.length > 0) await untilSettled(docker, options);
  return updated;
}

async function findUpdated(docker: DockerCli, { stackName, fingerprint }: PutBackOptions): Promise<string[]> {
  const listed = await docker.run(['stack', 'services', '--format', '{{.Name}}', stackName]);
  const names = listed.split('\n').filter((name) => name !== '');
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

/** Until no service is on its way any more; at the latest after a time. */
async function untilSettled(docker: DockerCli, { stackName, clock, signal }: PutBackOptions): Promise<void> {
  const deadlineMs = clock.monotonicMs() + settledMs;
  for (;;) {
    const services = await readHealth(docker, stackName);
    const isMoving = services.some(({ update }) => ['updating', 'rollback_started'].includes(update));
    if (!isMoving || clock.monotonicMs() > deadlineMs) return;
    await sleep(clock, pollMs, signal);
  }
}
