import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ImageSource } from '../../../../provision/agent-image/image-source.ts';
import { image, refuseArchitectures } from '../../../../provision/phases/image.ts';
import { MemoryRemote } from '../../../../provision/remote/remote.memory.ts';
import type { Cluster, Step } from '../../../../provision/up/phase.ts';
import { systemClock } from '../../../../src/support/clock.system.ts';
import { archives, bareCluster, healthyCluster, withFacts } from '../../../support/cluster-facts.ts';
import { removeFolder } from '../../../support/remove-folder.ts';

const context = Buffer.from('the context');
const build: ImageSource = { kind: 'build', context, name: 'bramble:1234' };
const { broker } = archives;

/** What was run on the first manager, with what it was given. */
async function carryOut(
  step: Step | undefined,
  said = 'Loaded image: mine/agent:latest\n',
): Promise<string[]> {
  const calls: string[] = [];
  const remote = new MemoryRemote('pi-01', {
    run: async ({ command, stdin }) => {
      calls.push(`${command.join(' ')}${stdin === '' ? '' : ` < ${stdin}`}`);
      return { status: 0, stdout: command[1] === 'load' ? said : '', stderr: '' };
    },
    serve: () => {},
  });
  const { signal } = new AbortController();
  await step?.act({ remote, remoteOf: () => remote, clock: systemClock, signal, say: () => {} });
  return calls;
}

describe('images for the nodes', () => {
  it('are left where they are when every node can pull them', () => {
    const agent: ImageSource = { kind: 'reference', reference: 'ghcr.io/me/bramble:1' };
    expect(image({ agent, broker }).plan(bareCluster())).toEqual([]);
    const cluster = withFacts(bareCluster(), 'pi-02', { architecture: 'armhf' });
    expect(refuseArchitectures({ agent, broker }, cluster)).toEqual([]);
  });

  it('are loaded from an archive on the first manager, and pushed under a name of their content', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bramble-archive-'));
    onTestFinished(() => removeFolder(folder));
    const path = join(folder, 'agent.tar');
    writeFileSync(path, 'the archive');
    const agent: ImageSource = { kind: 'archive', path, architecture: 'arm64', name: 'bramble:5678' };
    const [step] = image({ agent, broker }).plan(bareCluster());
    expect(step?.node).toBe('pi-01');
    expect(await carryOut(step)).toEqual([
      'docker load < the archive',
      'docker tag mine/agent:latest 192.168.1.21:5000/bramble:5678',
      'docker push 192.168.1.21:5000/bramble:5678',
    ]);
  });

  it('are built from this package where nothing else is said', async () => {
    const [step] = image({ agent: build, broker }).plan(bareCluster());
    expect(await carryOut(step)).toEqual([
      'docker build --tag 192.168.1.21:5000/bramble:1234 - < the context',
      'docker push 192.168.1.21:5000/bramble:1234',
    ]);
  });

  it('are pushed by a node that has them, where the registry has them no more', async () => {
    const reference = '192.168.1.21:5000/bramble:0a1b2c';
    for (const [holder, title] of [
      ['pi-03', `have pi-03 push ${reference}, which it has`],
      ['pi-01', `push ${reference}`],
    ] as const) {
      const [step, ...others] = image(archives).plan(
        withFacts(bareCluster(), holder, { images: [reference] }),
      );
      expect(others).toEqual([]);
      expect(step).toMatchObject({ node: 'pi-01', title });
      expect(await carryOut(step)).toEqual([`docker push ${reference}`]);
    }
  });

  it('are brought from here where who has them is not let into the registry', () => {
    const reference = '192.168.1.21:5000/bramble:0a1b2c';
    const healthy = healthyCluster();
    const served = healthy.facts.get('pi-01')?.registry.served;
    if (served === undefined) throw new Error('it is not served');
    const registry = { served: { ...served, images: [] }, trusted: {} };
    const renewed = withFacts(withFacts(healthy, 'pi-01', { registry }), 'pi-02', { images: [reference] });
    const titles = (cluster: Cluster) =>
      image(archives)
        .plan(cluster)
        .map(({ title }) => title);
    expect(titles(renewed)).toEqual([expect.stringContaining('have pi-02 push')]);
    const unknown = withFacts(renewed, 'pi-02', { registry: { served: undefined, trusted: {} } });
    expect(titles(unknown)).toEqual([expect.stringContaining('load /images/agent.tar')]);
  });

  it('are not brought twice: another content has another name', () => {
    const other = { ...archives.agent, name: 'bramble:other' } as ImageSource;
    expect(image(archives).plan(healthyCluster())).toEqual([]);
    expect(image({ agent: other, broker }).plan(healthyCluster())).toHaveLength(1);
  });

  it('wait for the node that has the registry', () => {
    expect(image(archives).plan(withFacts(bareCluster(), 'pi-01', undefined))).toEqual([]);
  });

  it('are refused to nodes that they are not for, with what to do', () => {
    const cluster = withFacts(bareCluster(), 'pi-03', { architecture: 'armhf' });
    for (const agent of [archives.agent, build]) {
      const [refusal, ...others] = refuseArchitectures({ agent, broker }, cluster);
      expect(others).toEqual([]);
      expect(refusal?.node).toBe('pi-03');
      expect(refusal?.error.message).toMatch(/pi-03 is armhf, .* for arm64 only; set cluster.agent.image/);
    }
  });
});
