import { describe, expect, it } from 'vitest';
import type { Inventory } from '../../../../provision/inventory.ts';
import { docker } from '../../../../provision/phases/docker.ts';
import type { DockerFacts, DockerPackage } from '../../../../provision/up/facts.ts';
import type { Cluster } from '../../../../provision/up/phase.ts';
import { readFacts } from '../../../../provision/up/read-facts.ts';
import { runPhases } from '../../../../provision/up/run-phases.ts';
import { bareCluster, healthyCluster, inventoryOf, withFacts } from '../../../support/cluster-facts.ts';
import { ImpatientClock } from '../../../support/impatient-clock.ts';
import { MemoryCluster } from '../../../support/memory-cluster/memory-cluster.ts';

type Wanted = Partial<Inventory['docker']>;

const debians: DockerPackage = { source: 'debian', version: '20.10.24+dfsg1-1+deb12u1', isHeld: false };
const dockers: DockerPackage = { source: 'docker', version: '5:27.3.1-1~debian.12~bookworm', isHeld: false };

function wanting(wanted: Wanted): Inventory {
  const inventory = inventoryOf([{}]);
  return { ...inventory, docker: { ...inventory.docker, ...wanted } };
}

/** Of one node, which has this of Docker. */
function planFor(wanted: Wanted, has: Partial<DockerFacts> = {}): string[] {
  const cluster = healthyCluster(wanting(wanted));
  const found = cluster.facts.get('pi-01')?.docker;
  if (found === undefined) throw new TypeError('a healthy node has Docker');
  return titles(withFacts(cluster, 'pi-01', { docker: { ...found, ...has } }));
}

const titles = (cluster: Cluster) => docker.plan(cluster).map(({ title }) => title);

describe('Docker on a node', () => {
  it('comes from Debian where nothing is said, and from Docker’s repository where that is', () => {
    expect(titles(bareCluster(wanting({})))).toEqual(['install Docker from Debian']);
    expect(titles(bareCluster(wanting({ source: 'docker', version: '27.3.1' })))).toEqual([
      'install Docker 27.3.1 from download.docker.com',
    ]);
  });

  it('stays what it is where nothing is said', () => {
    for (const has of [debians, dockers, undefined]) expect(planFor({}, { package: has })).toEqual([]);
    expect(planFor({}, { isRunning: false })).toEqual(['start Docker']);
  });

  it('is replaced where it came from elsewhere than it shall', () => {
    expect(planFor({ source: 'docker' }, { package: debians })).toEqual([
      'install Docker from download.docker.com in place of 20.10.24+dfsg1-1+deb12u1',
    ]);
    expect(planFor({ source: 'debian' }, { package: dockers })).toEqual([
      'install Docker from Debian in place of 5:27.3.1-1~debian.12~bookworm',
    ]);
    expect(planFor({ source: 'docker' }, { package: undefined })).toEqual([
      'install Docker from download.docker.com',
    ]);
    expect(planFor({ source: 'docker' }, { package: dockers })).toEqual([]);
  });

  it.each(['27.3.1', '5:27.3.1', '27.3.1-1~debian.12~bookworm', '5:27.3.1-1~debian.12~bookworm'])(
    'has the wanted version when that is called %s, and must be held there',
    (version) => {
      expect(planFor({ version }, { package: { ...dockers, isHeld: true } })).toEqual([]);
      expect(planFor({ version }, { package: dockers })).toHaveLength(1);
    },
  );

  it.each(['27.3', '7.3.1', '27.3.10', '5:27.3.1-2~debian.12~bookworm'])(
    'has another version than %s, and gets that from where it came',
    (version) => {
      expect(planFor({ version }, { package: { ...dockers, isHeld: true } })).toEqual([
        `install Docker ${version} from download.docker.com`,
      ]);
    },
  );

  it('is then what was wanted, wherever it came from before', async () => {
    const cluster = new MemoryCluster(['pi-01']);
    const clock = new ImpatientClock();
    const up = async (wanted: Wanted) => {
      const { steps, failures } = await runPhases({
        wanted: wanting(wanted),
        phases: [docker],
        remotes: cluster.remotes,
        reach: (remote, { signal }) => remote.connect({ signal }),
        readFacts: (remote, signal) => readFacts(remote, { clock, signal }),
        readSwarm: async () => undefined,
        clock,
        observe: () => {},
        signal: new AbortController().signal,
        mode: 'act',
        width: 1,
      });
      expect(failures).toEqual(new Map());
      return steps.map(({ title }) => title);
    };
    const wishes: Wanted[] = [{}, { source: 'docker', version: '26.1.4' }, { version: '27.3.1' }];
    for (const wish of [...wishes, { source: 'debian' } as const]) {
      expect(await up(wish)).toHaveLength(1);
      expect(await up(wish)).toEqual([]);
    }
  });

  it('is taken from nodes of a running Swarm one after the other, and from others at once', () => {
    const grouped = (cluster: Cluster) => docker.plan(cluster).map(({ group }) => group !== undefined);
    const wanted = { ...inventoryOf(), docker: wanting({ source: 'docker' }).docker };
    expect(grouped(healthyCluster(wanted))).toEqual([true, true, true]);
    expect(grouped(bareCluster(wanted))).toEqual([false, false, false]);
  });
});
