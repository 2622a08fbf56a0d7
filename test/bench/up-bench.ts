import { startMachines } from '../support/machines/machines.ts';
import { makeUpProject, type UpResult } from '../support/machines/up-project.ts';
import type { Bench, Row } from './rows.ts';

export const upBench: Bench = {
  name: 'up',
  title: 'From bare machines to a verified cluster',
  method:
    '`bramble up` by the built program, on Debian machines with systemd and sshd and nothing else, all on this one computer: Docker from a package cache, ' +
    'the images from archives. Then once more, with nothing to do. Six machines share the processors that three have, so that the ratio ' +
    'of six to three is the worst that it can be.',
  async measure() {
    const three = await measureUp(3);
    const six = await measureUp(6);
    const reference = { what: '3 nodes', value: three.bare };
    return [
      { what: '3 bare nodes → verified', ours: three.bare, unit: 's', also: three.shares },
      { what: '6 bare nodes → verified', ours: six.bare, unit: 's', also: six.shares, reference },
      { what: 'again, 3 nodes', ours: three.again, unit: 's', target: { below: 10 } },
      { what: 'again, 6 nodes', ours: six.again, unit: 's' },
    ] satisfies Row[];
  },
};

async function measureUp(count: number): Promise<{ bare: number; again: number; shares: string }> {
  const machines = await startMachines({ count });
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
