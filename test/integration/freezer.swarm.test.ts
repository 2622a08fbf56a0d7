import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CgroupFreezer } from '../../src/functions/freezing/task-freezer.cgroup.ts';
import { systemClock } from '../../src/support/clock.system.ts';
import { freezerLayouts, whyNoFreezer } from '../support/cgroups.ts';
import { type DockerEngine, startDocker, whyNoDocker } from '../support/docker/docker.ts';
import { buildImage, buildImages } from '../support/docker/images.ts';
import { openScaledSwarm, type ScaledSwarm } from '../support/docker/scaled-swarm.ts';
import { buildRequest, never, textOf } from '../support/requests.ts';
import { until } from '../support/wait.ts';

const whyNot =
  whyNoDocker() ||
  (freezerLayouts.some((layout) => whyNoFreezer(layout) === '') ? '' : ' (skipped: no freezer)');

describe.skipIf(whyNot !== '')(`functions on a Swarm that are frozen${whyNot}`, () => {
  let swarm: ScaledSwarm;
  beforeAll(async () => {
    swarm = await openScaledSwarm();
    await swarm.deploy({
      service: 'sleepy',
      labels: { 'com.openfaas.scale.zero': 'true', 'com.openfaas.scale.down.window': '1s' },
      annotations: { 'bramble.freeze-after': '1s' },
    });
  }, 120_000);
  afterAll(() => swarm?.stop());

  const echo = async (text: string) =>
    textOf(
      await swarm.invoke('sleepy', buildRequest('/echo', { body: Buffer.from(text) }), { signal: never }),
    );
  const isAsleep = () => swarm.isFrozen(swarm.tasks('sleepy')[0]?.containerId ?? '');

  it('stay tasks of the Swarm, and answer the first call over connections from before', async () => {
    expect(await echo('first')).toBe('first');
    const before = swarm.tasks('sleepy');
    await until('it is frozen', isAsleep);
    expect(swarm.countReady('sleepy')).toBe(0);
    // Longer than a server keeps an idle connection.
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    expect(swarm.tasks('sleepy')).toEqual(before);
    expect(await echo('again')).toBe('again');
    expect(swarm.tasks('sleepy')).toEqual(before);
  });

  it('answer a hundred calls that come at once, woken by one', async () => {
    await until('it is frozen', isAsleep);
    const woken = swarm.reported.filter(({ reason }) => reason === 'wake').length;
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => echo(String(i))));
    expect(answers).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
    const since = swarm.reported.filter(({ reason }) => reason === 'wake').slice(woken);
    expect(since.length).toBeLessThanOrEqual(1);
  });
});

describe.skipIf(whyNot !== '')(`the freezer of Docker's own containers${whyNot}`, () => {
  let docker: DockerEngine;
  const freezer = new CgroupFreezer({ sysRoot: '/sys', clock: systemClock });
  const containers: string[] = [];
  beforeAll(async () => {
    docker = await startDocker();
    await docker.swarmInit();
    await buildImages(docker, ['busybox']);
    await buildImage(docker, 'bramble-test/checked', {
      dockerfile:
        'FROM bramble-test/busybox\nHEALTHCHECK --interval=1s --timeout=1s --retries=2 CMD true\nCMD ["sleep", "1000000"]',
    });
  }, 120_000);
  afterAll(async () => {
    for (const id of containers) await freezer.thaw(id);
    await docker?.stop();
  });

  async function start(name: string, ...args: readonly string[]): Promise<string> {
    await docker.docker('service', 'create', '--detach', '--name', name, ...args);
    const id = await until(`a container of ${name}`, () =>
      docker.docker('ps', '--quiet', '--no-trunc', '--filter', `name=^${name}\\.`),
    );
    containers.push(id);
    return id;
  }

  it('is in reach of a service without any privilege that has /sys bound', async () => {
    const id = await start('sleeper', 'bramble-test/busybox', 'sleep', '1000000');
    const agent = await start(
      'agent',
      ...['--mount', 'type=bind,source=/sys,target=/host/sys', 'bramble-test/busybox', 'sleep', '1000000'],
    );
    const set = (state: string) =>
      docker.docker(
        ...['exec', agent, 'sh', '-c'],
        `for f in /host/sys/fs/cgroup/freezer/docker/${id}/freezer.state /host/sys/fs/cgroup/docker/${id}/cgroup.freeze; do [ -e $f ] && echo ${state} > $f; done; true`,
      );
    const isV1 = whyNoFreezer(freezerLayouts[0]) === '';
    await set(isV1 ? 'FROZEN' : '1');
    await until('it is frozen', () => freezer.isFrozen(id));
    await set(isV1 ? 'THAWED' : '0');
    await until('it runs', async () => !(await freezer.isFrozen(id)));
  });

  it('ends a task that Docker checks the health of, and not one without: so such are never frozen', async () => {
    const checked = await start('checked', 'bramble-test/checked');
    const unchecked = await start('unchecked', '--no-healthcheck', 'bramble-test/checked');
    await Promise.all([freezer.freeze(checked), freezer.freeze(unchecked)]);
    const states = (id: string) => docker.docker('inspect', '--format', '{{.State.Status}}', id);
    await until(
      'the checked one is ended',
      async () => (await states(checked).catch(() => 'gone')) !== 'running',
      40_000,
    );
    expect(await states(unchecked)).toBe('running');
  });
});
