import { describe, expect, it } from 'vitest';
import { deployStack } from '../../../provision/deploy-stack.ts';
import type { DockerCli } from '../../../src/support/docker-cli.ts';

const options = {
  name: 'bramble',
  image: 'bramble:1',
  brokerImage: 'mosquitto:2',
  gatewayPort: 8080,
  brokerPort: 1883,
  dockerSocket: '/var/run/docker.sock',
  internalTopics: [],
  renewPasswords: false,
  keepPasswords: async () => {},
  onStep: () => {},
};

/** A Swarm that has sets of passwords, listed by name as Docker does, and when each was made. */
function swarmWith(sets: Readonly<Record<string, number>>): DockerCli {
  const names = Object.keys(sets).sort();
  return {
    run: async ([noun, verb, ...words]) => {
      if (noun === 'node') return verb === 'ls' ? 'one' : 'true';
      if (noun !== 'secret') return '';
      const users = names.map((version) => `bramble_broker-users-${version}`);
      if (verb === 'ls') return users.join('\n');
      expect(words).toEqual(expect.arrayContaining(users));
      return names.map((version, i) => `${sets[version]} ${users[i]}`).join('\n');
    },
  };
}

describe('deployStack', () => {
  it.each([
    ['the only one', { b7: 1_700_000_000_000_000_000 }, 'b7'],
    ['the one made last', { a1: 1_800_000_000_000_000_000, b7: 1_700_000_000_000_000_000 }, 'a1'],
  ])('uses, of the sets of passwords that there are, %s', async (_, sets, version) => {
    const { secrets } = await deployStack(swarmWith(sets), options);
    expect(JSON.stringify(secrets)).toContain(`bramble_gateway-password-${version}`);
  });
});
