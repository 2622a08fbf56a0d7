import { describe, expect, it } from 'vitest';
import { WaitingLine } from '../../../../src/functions/process/waiting-line.ts';

function buildJob(name: string) {
  const job = { name, isTurnedAway: false, turnAway: () => {} };
  job.turnAway = () => {
    job.isTurnedAway = true;
  };
  return job;
}
type Job = ReturnType<typeof buildJob>;

function buildWorker() {
  const taken: string[] = [];
  return { taken, take: (job: Job) => taken.push(job.name) };
}

describe('a waiting line', () => {
  it('hands a job to an idle worker at once, and keeps order for the others', () => {
    const line = new WaitingLine<Job>();
    const worker = buildWorker();
    line.join(worker);
    expect(line.push(buildJob('a'))).toBe(true);
    expect(line.push(buildJob('b'))).toBe(false);
    line.push(buildJob('c'));
    expect(worker.taken).toEqual(['a']);
    line.next(worker);
    line.next(worker);
    expect(worker.taken).toEqual(['a', 'b', 'c']);
  });

  it('gives waiting jobs to a worker that joins', () => {
    const line = new WaitingLine<Job>();
    const [one, two] = [buildWorker(), buildWorker()];
    line.join(one);
    line.push(buildJob('a'));
    line.push(buildJob('b'));
    line.join(two);
    expect(two.taken).toEqual(['b']);
  });

  it('forgets a job that is withdrawn', () => {
    const line = new WaitingLine<Job>();
    const worker = buildWorker();
    const job = buildJob('b');
    line.join(worker);
    line.push(buildJob('a'));
    line.push(job);
    line.withdraw(job);
    line.next(worker);
    expect(worker.taken).toEqual(['a']);
  });

  it('gives nothing to a worker that has left', () => {
    const line = new WaitingLine<Job>();
    const [one, two] = [buildWorker(), buildWorker()];
    line.join(one);
    line.join(two);
    line.leave(one);
    line.next(one);
    line.push(buildJob('a'));
    expect([one.taken, two.taken]).toEqual([[], ['a']]);
  });

  it('turns away who waits when the last worker leaves, and who comes after', () => {
    const line = new WaitingLine<Job>();
    const worker = buildWorker();
    const [waiting, late] = [buildJob('b'), buildJob('c')];
    line.join(worker);
    line.push(buildJob('a'));
    line.push(waiting);
    line.leave(worker);
    line.push(late);
    expect([waiting.isTurnedAway, late.isTurnedAway]).toEqual([true, true]);
  });
});
