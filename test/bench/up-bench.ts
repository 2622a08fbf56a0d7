import { startMachines } from '../support/machines/machines.ts';
import { makeUpProject, type UpResult } from '../support/machines/up-project.ts';
import type { Bench, Row } from './rows.ts';

export const upBench: Bench = {
  name: 'up',
  title: 'From bare machines to a verified cluster',
  method:
    '`bramble up` by the built program, on Debian machines with systemd and sshd and nothing else, all on this one computer: Docker from a package cache, ' +
    'the images from archives. Then once more, with nothing to do. For what twice as many nodes cost, each machine has a quarter of a ' +
    'processor, as each Pi has its own: they would else wait for each other, which no Pi does.',
  async measure() {
    const free = await measureUp(3);
    const three = await measureUp(3, quarter);
    const six = await measureUp(6, quarter);
    return [
      { what: '3 bare nodes → verified', ours: free.bare, unit: 's', also: free.shares },
      { what: 'again, 3 nodes', ours: free.again, unit: 's', target: { below: 10 } },
      { what: '3 bare nodes, ¼ processor each', ours: three.bare, unit: 's', also: three.shares },
      {
        what: '6 bare nodes, ¼ processor each',
        ours: six.bare,
        unit: 's',
        also: six.shares,
        reference: { what: '3 nodes', value: three.bare },
        target: { ratioBelow: 1.3 },
      },
      { what: 'again, 6 nodes, ¼ processor each', ours: six.again, unit: 's' },
    ] satisfies Row[];
  },
};

const quarter = 0.25;

interface Took {
  readonly bare: number;
  readonly again: number;
  readonly shares: string;
}

async function measureUp(count: number, processors?: number): Promise<Took> {
  const machines = await startMachines({ count, ...(processors !== undefined && { processors }) });
  try {
    const project = await makeUpProject(machines);
    try {
      await project.describe(count);
      const bare = await project.up();
      const again = await project.up();
      if (bare.exit !== 0 || again.exit !== 0 || again.finished.steps !== 0)
        throw new Error(`the cluster did not come up: ${project.transcript.join('').slice(-2000)}`);
      return {
        bare: bare.finished.tookMs / 1000,
        again: again.finished.tookMs / 1000,
        shares: sharesOf(bare),
      };
    } finally {
      project.remove();
    }
  } finally {
    await machines.stop();
  }
}

/** The phases that took a second or more: `docker 15 s, image 9 s, …`. */
function sharesOf({ events }: UpResult): string {
  return events
    .filter(({ event, tookMs }) => event === 'phase-ended' && Number(tookMs) >= 1000)
    .map(({ phase, tookMs }) => `${phase} ${Math.round(Number(tookMs) / 1000)} s`)
    .join(', ');
}
