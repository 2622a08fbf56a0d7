import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WantedImages } from '../../../provision/agent-image/image-source.ts';
import { packTar } from '../../../provision/agent-image/tar.ts';
import { image } from '../../../provision/phases/image.ts';
import { registry, trust } from '../../../provision/phases/registry.ts';
import type { UpOutcome } from '../../../provision/up/run-phases.ts';
import { inventoryOf } from '../../support/cluster-facts.ts';
import {
  type Machines,
  preparationMs,
  startMachines,
  whyNoMachines,
} from '../../support/machines/machines.ts';
import { openPhaseRunner, type PhaseRunner } from '../../support/machines/run-on-machines.ts';

const note = whyNoMachines();
const file = (path: string, text: string) => ({ path, content: Buffer.from(text), isExecutable: false });
const images: WantedImages = {
  agent: {
    kind: 'build',
    context: packTar([
      file('Dockerfile', 'FROM scratch\nCOPY hello /\nCMD ["/hello"]\n'),
      file('hello', 'hello'),
    ]),
    name: 'bramble:test',
  },
  broker: { kind: 'reference', reference: 'eclipse-mosquitto:2.0.22' },
};

describe.skipIf(note)(`the registry of a cluster${note}`, () => {
  let runner: PhaseRunner;
  let machines: Machines;
  let first: UpOutcome;

  beforeAll(async () => {
    machines = await startMachines({ count: 2, docker: 'installed' });
    runner = openPhaseRunner(machines);
    first = await setUp();
  }, preparationMs);

  afterAll(async () => {
    await runner?.close();
    await machines?.stop();
  });

  function setUp(): Promise<UpOutcome> {
    const wanted = inventoryOf(machines.all.map(({ address }) => ({ host: address })));
    return runner.run(wanted, [registry, trust, image(images)]);
  }

  const address = () => `${machines.at(0).address}:5000`;

  it('is set up with an image in it, and then there is nothing to do', async () => {
    expect([...first.failures]).toEqual([]);
    expect(first.cluster.facts.get('pi-01')?.registry.served).toMatchObject({
      address: address(),
      images: ['bramble:test'],
    });
    expect((await setUp()).steps).toEqual([]);
  });

  it('gives the image to every node, without a login', async () => {
    const reference = `${address()}/bramble:test`;
    await machines.at(1).exec(['docker', 'pull', '--quiet', reference]);
    const built = await machines.at(0).exec(['docker', 'image', 'inspect', '--format', '{{.Id}}', reference]);
    const pulled = await machines
      .at(1)
      .exec(['docker', 'image', 'inspect', '--format', '{{.Id}}', reference]);
    expect(pulled).toBe(built);
  });

  it('answers nobody who has no certificate', async () => {
    const folder = `/etc/docker/certs.d/${address()}`; // curl takes what follows a colon for a password
    const curl = 'cd "$1" && curl --silent --show-error --cacert ca.crt $3 "https://$2/v2/_catalog"';
    const ask = (flags: string) => machines.at(1).exec(['sh', '-c', curl, 'sh', folder, address(), flags]);
    // Before TLS 1.3 the refusal is part of the handshake, and cannot be overtaken by the end of the connection.
    await expect(ask('--tls-max 1.2')).rejects.toThrow(/bad certificate/);
    const known = await ask('--cert client.cert --key client.key');
    expect(JSON.parse(known)).toEqual({ repositories: ['bramble'] });
  });

  it('shows no key to others on a node', async () => {
    const keys = ['/etc/bramble/registry/ca.key', '/etc/bramble/registry/server.key'];
    const modes = await machines.at(0).exec(['stat', '--format', '%a %U', ...keys]);
    expect(modes.trim().split('\n')).toEqual(['600 root', '600 docker-registry']);
    const own = `/etc/docker/certs.d/${address()}/client.key`;
    expect((await machines.at(1).exec(['stat', '--format', '%a %U', own])).trim()).toBe('600 root');
  });

  it('is trusted again by a node that lost its certificate', async () => {
    await machines.at(1).exec(['rm', `/etc/docker/certs.d/${address()}/client.cert`]);
    expect((await setUp()).steps.map(({ node, phase }) => `${phase} ${node}`)).toEqual(['trust pi-02']);
  });
});
