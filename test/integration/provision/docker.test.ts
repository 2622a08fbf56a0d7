import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Inventory } from '../../../provision/inventory.ts';
import { docker as dockerPhase } from '../../../provision/phases/docker.ts';
import type { UpOutcome } from '../../../provision/up/run-phases.ts';
import { inventoryOf } from '../../support/cluster-facts.ts';
import { buildImages } from '../../support/docker/images.ts';
import {
  type DockerRepository,
  dockersVersions,
  startDockerRepository,
} from '../../support/machines/docker-repository.ts';
import {
  type Machines,
  preparationMs,
  startMachines,
  whyNoMachines,
} from '../../support/machines/machines.ts';
import { openPhaseRunner, type PhaseRunner } from '../../support/machines/run-on-machines.ts';
import { until } from '../../support/wait.ts';

const note = whyNoMachines();
const [older, newer] = dockersVersions;

/** A machine that has Docker of Debian, a Swarm and a container that counts; its packages move, and those stay. */
describe.skipIf(note)(`Docker of a machine, of Debian and of Docker’s repository${note}`, () => {
  let machines: Machines;
  let repository: DockerRepository;
  let runner: PhaseRunner;
  let swarm: string;

  beforeAll(async () => {
    machines = await startMachines({ count: 1, docker: 'installed' });
    repository = await startDockerRepository(machines.at(0), machines.hostAddress);
    runner = openPhaseRunner(machines);
    const machine = machines.at(0);
    await machine.docker('swarm', 'init', '--advertise-addr', machine.address);
    swarm = await swarmNow();
    await buildImages(machine, ['busybox']);
    // Who stops it need not wait: as a first process it would not hear of it.
    const run = ['run', '--detach', '--restart=always', '--stop-signal=KILL', '--name=kept'];
    await machine.docker(...run, 'bramble-test/busybox', 'sleep', '1d');
  }, preparationMs);

  afterAll(async () => {
    await runner?.close();
    await repository?.close();
    await machines?.stop();
  });

  const swarmNow = () => machines.at(0).docker('info', '--format', '{{.Swarm.Cluster.ID}} {{.Swarm.NodeID}}');

  function setUp(wanted: Partial<Inventory['docker']>): Promise<UpOutcome> {
    const inventory = inventoryOf([{ host: machines.at(0).address }]);
    const { url, fingerprint } = repository;
    const docker = { ...inventory.docker, repository: url, fingerprint, ...wanted };
    return runner.run({ ...inventory, docker }, [dockerPhase]);
  }

  async function expectRight(wanted: Partial<Inventory['docker']>, expected: object): Promise<void> {
    const { failures, steps, cluster } = await setUp(wanted);
    expect([...failures]).toEqual([]);
    expect(steps).toHaveLength(1);
    expect(cluster.facts.get('pi-01')?.docker).toMatchObject({ isRunning: true, package: expected });
    expect((await setUp(wanted)).steps).toEqual([]);
  }

  async function expectKept(): Promise<void> {
    expect(await until('the Swarm is there', () => swarmNow().catch(() => ''))).toBe(swarm);
    const state = ['inspect', '--format', '{{.State.Running}}', 'kept'];
    await until('its container runs', async () => (await machines.at(0).docker(...state)) === 'true');
  }

  /** Why it was not done; nothing has changed. */
  async function refusal(wanted: Partial<Inventory['docker']> = {}): Promise<string> {
    const { failures } = await setUp({ source: 'docker', ...wanted });
    const looks = 'ls /etc/apt/sources.list.d; dpkg-query --list | grep -Ec "^ii +docker.io"';
    expect(await machines.at(0).exec(['sh', '-c', looks])).toBe('1');
    return failures.get('pi-01')?.error.message ?? '';
  }

  it('stays when the key of the repository is not the expected one', async () => {
    const fingerprint = '9DC858229FC7DD38854AE2D88D81803C0EBFCD88';
    const said = await refusal({ fingerprint });
    expect(said).toContain(`has the fingerprint ${repository.fingerprint}, not ${fingerprint}`);
  });

  it('stays when what the repository says is not what was signed', async () => {
    const release = '/linux/debian/dists/bookworm/InRelease';
    repository.spoiled.set(release, (content) =>
      Buffer.from(content.toString().replace('Docker', 'Another')),
    );
    expect(await refusal()).toContain('apt does not take the packages of');
    repository.spoiled.delete(release);
  });

  it('becomes Docker’s, of the wanted version and held there, and keeps its Swarm and its containers', async () => {
    await expectRight(
      { source: 'docker', version: '27.3.1' },
      { source: 'docker', version: older, isHeld: true },
    );
    await expectKept();
  });

  it('names the versions that there are when the wanted one is not', async () => {
    const { failures } = await setUp({ source: 'docker', version: '28.0.0' });
    expect(failures.get('pi-01')?.error.message).toContain(
      `there is no docker-ce 28.0.0 here, only: ${newer} ${older}`,
    );
  });

  it('is completed and started when a power cut has ended its installation', async () => {
    const unpack =
      'systemctl stop docker.socket docker; apt-mark unhold docker-ce docker-ce-cli; cd /tmp && apt-get -q download docker-ce && dpkg --unpack docker-ce_*.deb';
    await machines.at(0).exec(['sh', '-ec', unpack]);
    await expectRight({}, { source: 'docker' });
    await expectKept();
  });

  it('becomes Debian’s again, and leaves no trace of the other', async () => {
    await expectRight({ source: 'debian' }, { source: 'debian', isHeld: false });
    await expectKept();
    const left = await machines.at(0).exec(['sh', '-c', 'ls /etc/apt/sources.list.d; apt-mark showhold']);
    expect(left).toBe('');
  });
});
