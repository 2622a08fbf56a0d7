import { describe, expect, it } from 'vitest';
import { takeDown } from '../../../../provision/life/down.ts';
import { memoryLife } from '../../../support/memory-life.ts';
import { MemorySwarm, type Task } from '../../../support/memory-swarm.ts';

const manager = { role: 'manager' } as const;
const echo: Task = { service: 'echo', mode: 'replicated', places: ['pi-03', 'pi-02'] };
const agent: Task = { service: 'bramble_agent', mode: 'global', places: ['pi-03'] };

function down(swarm: MemorySwarm, name: string, { force = false } = {}) {
  const life = memoryLife(swarm);
  const options = { name, remote: life.remotes.get(name), force, timeoutMs: 1_000 };
  return { said: life.said, outcome: takeDown(life, options) };
}

describe('taking a node down', () => {
  it('gives its work to others, and has it leave and forgotten', async () => {
    const swarm = new MemorySwarm({ 'pi-01': manager, 'pi-02': {}, 'pi-03': {} }, [echo, agent]);
    const { outcome, said } = down(swarm, 'pi-03');
    expect(await outcome).toBe('left');
    expect(swarm.changes).toEqual([
      'pi-01: docker node update --availability drain id-pi-03',
      'pi-03: POST /swarm/leave',
      'pi-01: docker node rm --force id-pi-03',
    ]);
    expect(said).toEqual(['pi-03: giving its work to other nodes', 'pi-03: leaving the Swarm']);
  });

  it('changes nothing when it is out already', async () => {
    const swarm = new MemorySwarm({ 'pi-01': manager, 'pi-02': { isListed: false, isMember: false } });
    expect(await down(swarm, 'pi-02').outcome).toBe('not there');
    expect(swarm.changes).toEqual([]);
  });

  it('goes on where an earlier run was interrupted', async () => {
    const left = { isMember: false, availability: 'drain' } as const;
    const swarm = new MemorySwarm({ 'pi-01': manager, 'pi-02': left });
    await down(swarm, 'pi-02').outcome;
    expect(swarm.member('pi-02').isListed).toBe(false);
    const forgotten = new MemorySwarm({ 'pi-01': manager, 'pi-02': { isListed: false } });
    expect(await down(forgotten, 'pi-02').outcome).toBe('left');
    expect(forgotten.member('pi-02').isMember).toBe(false);
  });

  it('makes a manager a worker first, by the word of another manager', async () => {
    const swarm = new MemorySwarm({ 'pi-01': manager, 'pi-02': manager, 'pi-03': manager });
    await down(swarm, 'pi-01').outcome;
    expect(swarm.changes.map((change) => change.replace(/^pi-0[23]: docker/, 'other: docker'))).toEqual([
      'other: docker node update --availability drain id-pi-01',
      'other: docker node demote id-pi-01',
      'pi-01: POST /swarm/leave',
      'other: docker node rm --force id-pi-01',
    ]);
  });

  it('refuses for the last manager, and says what to do', async () => {
    const swarm = new MemorySwarm({ 'pi-01': manager, 'pi-02': {} });
    await expect(down(swarm, 'pi-01', { force: true }).outcome).rejects.toThrow(
      /pi-01 .*another node a manager first.*bramble reset/,
    );
    expect(swarm.changes).toEqual([]);
  });

  it('refuses when too few managers would be left to decide', async () => {
    const dead = { ...manager, isUp: false };
    const swarm = new MemorySwarm({ 'pi-01': manager, 'pi-02': manager, 'pi-03': dead });
    await expect(down(swarm, 'pi-02').outcome).rejects.toThrow(
      'without pi-02 only 1 of 2 managers would be there, and it takes 2 to decide anything; bring back pi-03 first, or take that down first',
    );
    expect(swarm.changes).toEqual([]);
  });

  it('strikes off a node that is dead', async () => {
    const swarm = new MemorySwarm({ 'pi-01': manager, 'pi-02': { isUp: false } });
    expect(await down(swarm, 'pi-02').outcome).toBe('struck off');
    expect(swarm.changes).toEqual(['pi-01: docker node rm --force id-pi-02']);
  });

  it('strikes off a dead manager, which counts for the quorum no more', async () => {
    const dead = { ...manager, isUp: false };
    const swarm = new MemorySwarm({ 'pi-01': manager, 'pi-02': manager, 'pi-03': dead });
    expect(await down(swarm, 'pi-03').outcome).toBe('struck off');
    expect(swarm.changes.map((change) => change.slice(7))).toEqual([
      'docker node demote id-pi-03',
      'docker node rm --force id-pi-03',
    ]);
  });

  it('does not leave a node at work behind that cannot be told to leave, unless it is forced to', async () => {
    const swarm = new MemorySwarm({ 'pi-01': manager, 'pi-02': {} });
    const life = memoryLife(swarm);
    const options = { name: 'pi-02', remote: undefined, force: false, timeoutMs: 1_000 };
    await expect(takeDown(life, options)).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('--force'),
    });
    expect(await takeDown(life, { ...options, force: true })).toBe('struck off');
    expect(swarm.member('pi-02').isListed).toBe(false);
  });

  it('refuses where the broker’s data would be lost, unless it is forced to', async () => {
    const swarm = new MemorySwarm({ 'pi-01': manager, 'pi-02': { labels: { 'bramble.broker': 'true' } } });
    await expect(down(swarm, 'pi-02').outcome).rejects.toThrow(/bramble backup/);
    expect(await down(swarm, 'pi-02', { force: true }).outcome).toBe('left');
  });

  it('stops when its work finds no other place, and leaves it in the Swarm', async () => {
    const swarm = new MemorySwarm({ 'pi-01': manager, 'pi-02': {} }, [{ ...echo, places: ['pi-02'] }]);
    await expect(down(swarm, 'pi-02').outcome).rejects.toThrow(/echo found no other place within 1 s/);
    expect(swarm.member('pi-02')).toMatchObject({ isMember: true, isListed: true });
    const { outcome, said } = down(swarm, 'pi-02', { force: true });
    expect(await outcome).toBe('left');
    expect(said).toContain('pi-02: echo found no other place');
  });

  it('says so when no manager answers', async () => {
    const swarm = new MemorySwarm({ 'pi-01': { ...manager, isUp: false }, 'pi-02': {} });
    await expect(down(swarm, 'pi-02').outcome).rejects.toMatchObject({
      code: 'CONTROL_OFFLINE',
      message: expect.stringContaining('pi-01 cannot be reached'),
    });
  });
});
