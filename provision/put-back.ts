import type { DockerCli } from '../src/support/docker-cli.ts';
import { fingerprintLabel } from './stack.ts';

/**
 * After an update of one service has failed: the others, which may have been updated by then, go back to what they were, so that
 * all are of one version again. Resolves to their names, when Docker has begun.
 */
export async function putBack(docker: DockerCli, stackName: string, fingerprint: string): Promise<string[]> {
  const listed = await docker.run(['stack', 'services', '--format', '{{.Name}}', stackName]);
  const names = listed.split('\n').filter((name) => name !== '');
  const now = `{{index .Spec.Labels "${fingerprintLabel}"}}`;
  const before = `{{if .PreviousSpec}}{{index .PreviousSpec.Labels "${fingerprintLabel}"}}{{end}}`;
  const format = `{{.Spec.Name}}\t${now}\t${before}`;
  const inspected = await docker.run(['service', 'inspect', '--format', format, ...names]);
  const updated = inspected.split('\n').flatMap((line) => {
    const [name = '', is, was] = line.split('\t');
    return is === fingerprint && was !== undefined && was !== '' && was !== fingerprint ? [name] : [];
  });
  for (const name of updated) await docker.run(['service', 'rollback', '--detach', name]);
  return updated;
}
