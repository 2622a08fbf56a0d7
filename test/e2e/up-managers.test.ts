import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deployAnswering } from '../support/machines/answering-function.ts';
import { type Machines, preparationMs, startMachines, whyNoMachines } from '../support/machines/machines.ts';
import { makeUpProject, type UpProject, type UpResult } from '../support/machines/up-project.ts';
import { until } from '../support/wait.ts';

/** The longest step, on a machine that has much else to do. */
const upMs = 600_000;
const names = ['pi-01', 'pi-02', 'pi-03'];

/** Three managers: one of them may go, also the first, which has what there is only once. */
describe.skipIf(whyNoMachines() !== '')(`bramble up with three managers${whyNoMachines()}`, () => {
  let machines: Machines;
  let project: UpProject;

  beforeAll(async () => {
    machines = await startMachines({ count: 3, docker: 'installed' });
    project = await makeUpProject(machines);
    await project.describe(3, 3);
  }, preparationMs);
  afterAll(async () => {
    await machines?.stop();
    project?.remove();
  });

  /** Host name and state of every node that the Swarm knows, as this machine says. */
  async function members(asked: number): Promise<string[]> {
    const format = '{{.Hostname}} {{.Status}} {{.ManagerStatus}}';
    const listed = await machines.at(asked).exec(['docker', 'node', 'ls', '--format', format]);
    return listed
      .split('\n')
      .map((line) => line.replace('Leader', 'Reachable').trimEnd())
      .sort();
  }
  const threeManagers = names.map((name) => `${name} Ready Reachable`);

  async function expectWell({ exit, finished }: UpResult) {
    expect(finished.failures).toEqual([]);
    expect(exit).toBe(0);
    expect(finished.nodes.map(({ name, state }) => `${name} ${state}`)).toEqual(
      names.map((name) => `${name} ready`),
    );
    for (const asked of machines.all.keys()) expect(await members(asked)).toEqual(threeManagers);
  }

  /** A machine that is dead for good, and another one with its name and its address. */
  async function replace(index: number): Promise<void> {
    const machine = machines.at(index);
    await machine.wipe({ renewHostKey: true });
    machines.pin(index);
    await project.pin();
    await machine.start();
  }

  /** Steps by node: `managers: join the Swarm as a manager`. */
  function stepsOf({ events }: UpResult, node: string): string[] {
    return events
      .filter(({ event, phase, node: of }) => event === 'step-ended' && phase !== 'reach' && of === node)
      .map(({ phase, title }) => `${phase}: ${title}`);
  }

  /** By the gateway of every node. */
  async function expectAnswers(): Promise<void> {
    for (const { address } of machines.all)
      await until(`the function answers at ${address}`, async () => {
        const answer = await fetch(`http://${address}:8080/function/hello`).catch(() => undefined);
        return (await answer?.text()) === 'hello';
      });
  }

  const clusterIdSeenBy = (index: number) =>
    machines.at(index).exec(['docker', 'info', '--format', '{{.Swarm.Cluster.ID}}']);

  it('makes a verified cluster of them', { timeout: upMs }, async () => {
    const made = await project.up();
    await expectWell(made);
    await deployAnswering('hello', { project, machines, passwordsFile: made.finished.passwordsFile });
    await expectAnswers();
  });

  it('names a manager that is off, leaves the others in peace, and takes it as it is when it is back', {
    timeout: upMs,
  }, async () => {
    await machines.at(1).kill();
    const without = await project.up('--wait', '5');
    expect(without.exit).not.toBe(0);
    expect(without.finished.failures).toMatchObject([
      { node: 'pi-02', phase: 'reach', error: { code: 'UNREACHABLE' } },
    ]);
    expect(without.finished.nodes.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'pi-01 ready',
      'pi-02 failed (reach)',
      'pi-03 ready',
    ]);
    await machines.at(1).start();
    const back = await project.up();
    await expectWell(back);
    const phases = new Set(names.flatMap((name) => stepsOf(back, name)).map((step) => step.split(':')[0]));
    expect([...phases].filter((phase) => phase !== 'stack' && phase !== 'docker')).toEqual([]);
  });

  it('makes another machine the manager that was lost, and forgets the lost one', {
    timeout: upMs,
  }, async () => {
    await replace(1);
    const replaced = await project.up();
    await expectWell(replaced);
    expect(stepsOf(replaced, 'pi-02')).toEqual(
      expect.arrayContaining([
        'managers: join the Swarm as a manager',
        'labels: forget the node that it was before',
      ]),
    );
    const elsewhere = [...stepsOf(replaced, 'pi-01'), ...stepsOf(replaced, 'pi-03')];
    expect(elsewhere.filter((step) => !step.startsWith('stack: wait'))).toEqual([]);
    await expectAnswers();
  });

  it('does so with the first one as well, begins no second Swarm, and brings registry and broker back', {
    timeout: upMs,
  }, async () => {
    const clusterId = await clusterIdSeenBy(1);
    await replace(0);
    const replaced = await project.up();
    await expectWell(replaced);
    for (const index of machines.all.keys()) expect(await clusterIdSeenBy(index)).toBe(clusterId);
    const steps = stepsOf(replaced, 'pi-01');
    expect(steps).toEqual(
      expect.arrayContaining([
        'managers: join the Swarm as a manager',
        'labels: take over the broker, whose node is gone, and with it what it kept',
        'labels: forget the node that it was before',
        expect.stringMatching(/^registry: serve images/),
        expect.stringMatching(/^image: have pi-02 push .*bramble:/),
      ]),
    );
    for (const other of ['pi-02', 'pi-03'])
      expect(stepsOf(replaced, other).filter((step) => !step.startsWith('stack: wait'))).toEqual([
        expect.stringMatching(/^trust: get a certificate/),
      ]);
    await expectAnswers();
  });

  it('makes managers workers and workers managers, as the file wants it', { timeout: upMs }, async () => {
    await project.describe(3, 1);
    expect(await project.up()).toMatchObject({ exit: 0, finished: { failures: [] } });
    expect(await members(0)).toEqual(['pi-01 Ready Reachable', 'pi-02 Ready', 'pi-03 Ready']);
    await project.describe(3, 3);
    await expectWell(await project.up());
    await expectAnswers();
  });

  it('has nothing to do in the end', async () => {
    const again = await project.up();
    await expectWell(again);
    expect(again.finished.steps).toBe(0);
  });
});
