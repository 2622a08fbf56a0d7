import { expect, it } from 'vitest';
import { demote } from '../../../../provision/phases/demote.ts';
import { ImpatientClock } from '../../../support/impatient-clock.ts';

const { signal } = new AbortController();
const node = { id: 'id-of-pi-02', hostName: 'pi-02' };

/** Docker of another manager, which says this one after the other, and then the last for ever. */
function saying(...answers: readonly string[]) {
  const asked: string[] = [];
  let looks = 0;
  const run = async (args: readonly string[]) => {
    asked.push(args.slice(0, 2).join(' '));
    if (args[1] === 'demote') return '';
    const answer = answers[Math.min(looks, answers.length - 1)];
    looks += 1;
    if (answer === undefined || answer === 'no leader') throw new Error('The swarm does not have a leader.');
    return answer;
  };
  return { asked, run };
}

const here = 'one Ready Leader\nid-of-pi-02 Ready Reachable';

it('waits until the managers decide without it, and know again how all nodes are', async () => {
  const docker = saying(
    ...[here, here, 'no leader', 'one Unknown Leader\nid-of-pi-02 Unknown '],
    ...['one Ready Leader\nid-of-pi-02 Unknown ', 'one Ready Leader\nid-of-pi-02 Down '],
  );
  await demote(docker, node, { clock: new ImpatientClock(), signal });
  expect(docker.asked).toEqual(['node ls', 'node demote', ...Array.from({ length: 5 }, () => 'node ls')]);
});

it('leaves it alone when it is called a manager and is none', async () => {
  const docker = saying('one Ready Leader\nid-of-pi-02 Unknown ');
  await demote(docker, node, { clock: new ImpatientClock(), signal });
  expect(docker.asked).toEqual(['node ls']);
});

it('gives up when the election has no end', async () => {
  const stuck = demote(saying(here, 'no leader'), node, { clock: new ImpatientClock(), signal });
  await expect(stuck).rejects.toMatchObject({
    code: 'CONTROL_OFFLINE',
    message: 'pi-02 is still a manager after 60 s; run this again',
  });
});
