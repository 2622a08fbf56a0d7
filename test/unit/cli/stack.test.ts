import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeProject } from '../../support/bramble-yaml.ts';
import { runInProcess } from '../../support/cli-context.ts';

/** A program `docker` that notes what it is told and given, and fails at the end. */
const docker = `#!/bin/sh
{ echo "$@"; cat; } >> "$NOTES"
case "$*" in
  *NodeAddr*) printf '10.0.0.1\\tabcdefgh\\n' ;;
  *'stack deploy'*) exit 1 ;;
esac
`;

it('the Swarm gets the agents’ part of bramble.yaml, and nothing of how the nodes are made', async () => {
  const { folder, file, key } = makeProject();
  const cluster = readFileSync(file, 'utf8');
  writeFileSync(file, `${cluster}\nmotion: { gpio: 5 }\n# the key is under the mat\n`);
  writeFileSync(join(folder, 'docker'), docker);
  chmodSync(join(folder, 'docker'), 0o755);
  const env = { PATH: `${folder}:/usr/bin:/bin`, NOTES: join(folder, 'notes') };
  await runInProcess(['stack', 'deploy', '--config', file], { env, home: folder });
  const notes = readFileSync(env.NOTES, 'utf8');
  expect(notes).toMatch(/config create .*bramble\.yaml.* -\nmotion:\n {2}gpio: 5\n/);
  for (const hidden of ['cluster:', 'authorizedKeys', 'under the mat', key])
    expect(notes).not.toContain(hidden);
});
