import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { stringify } from 'yaml';
import { namesContract } from '../contract/names-contract.ts';
import { type Agent, startAgent } from '../support/agent.ts';
import { runBuiltCli } from '../support/built-cli.ts';
import { removeFolder } from '../support/remove-folder.ts';
import { root } from '../support/repo.ts';

const probe = {
  fprocess: `node ${join(root, 'test/support/probe/server.mjs')}`,
  environment: { mode: 'http' },
};

describe('an agent and the command line', () => {
  let agent: Agent;
  let folder: string;
  beforeAll(async () => {
    agent = await startAgent();
    folder = await mkdtemp(join(tmpdir(), 'bramble-names-'));
  });
  afterAll(async () => {
    await agent?.kill();
    agent?.remove();
    removeFolder(folder);
  });

  const cli = (...argv: readonly string[]) =>
    runBuiltCli(argv, { cwd: folder, env: { BRAMBLE_GATEWAY: agent.url, BRAMBLE_PASSWORD: agent.password } });

  namesContract('local processes', () => ({
    deploy: async (name, fields) => {
      const stack = { functions: { [name]: { ...probe, ...fields } } };
      await writeFile(join(folder, 'stack.yml'), stringify(stack));
      return cli('deploy');
    },
    call: (path, init) => agent.fetch(path, init),
    cli,
    hostAddress: '127.0.0.1',
  }));
});
