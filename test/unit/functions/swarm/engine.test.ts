import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Engine } from '../../../../src/functions/swarm/engine.ts';
import { removeFolder } from '../../../support/remove-folder.ts';

const limits = { answerMs: 200, registryMs: 200, silenceMs: 200 };

describe('a call to Docker', () => {
  let folder: string;
  const ends: (() => void)[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bramble-engine-'));
  });
  afterEach(() => {
    for (const end of ends.splice(0)) end();
    removeFolder(folder);
  });

  async function engineThat(answers: (response: ServerResponse) => void): Promise<Engine> {
    const socketPath = join(folder, 'docker.sock');
    const server = createServer((_request, response) => answers(response));
    await once(server.listen(socketPath), 'listening');
    ends.push(() => {
      server.close();
      server.closeAllConnections();
    });
    return new Engine(socketPath, limits);
  }

  const never = () => {};
  const begin = (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    response.write('[{');
  };
  const breakOff = (response: ServerResponse) => {
    begin(response);
    setImmediate(() => response.destroy());
  };

  it.each<[string, (response: ServerResponse) => void]>([
    ['never begins', never],
    ['falls silent', begin],
    ['breaks off', breakOff],
  ])('whose answer %s ends all the same', async (_, answers) => {
    const engine = await engineThat(answers);
    await expect(engine.services('bramble')).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('cannot list services'),
    });
  });
});
