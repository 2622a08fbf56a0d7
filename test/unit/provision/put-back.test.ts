import { expect, it } from 'vitest';
import { putBack } from '../../../provision/put-back.ts';
import { hastyClock } from '../../support/memory-life.ts';

it('puts back the services that an update has reached, when it has come to rest, and no others', async () => {
  const services = [
    'bramble_agent\told\tolder',
    'bramble_control\tnew\told',
    'bramble_mosquitto\tnew\t',
    'bramble_extra\tnew\tnew',
  ];
  const states = ['updating', 'updating', 'rollback_started', 'completed'];
  const seen: string[] = [];
  const docker = {
    async run(args: readonly string[]) {
      const line = args.join(' ');
      if (line.includes('.UpdateStatus')) return `{"State":"${states[0]}"}`;
      if (line.includes('.Replicas')) {
        if (states.length > 1) seen.push(states.shift() ?? '');
        return 'bramble_control\t1/1';
      }
      if (args[1] === 'ps') return '';
      if (args[0] === 'stack') return services.map((service) => service.split('\t')[0]).join('\n');
      if (args[1] === 'inspect') return services.join('\n');
      seen.push(line);
      return '';
    },
  };
  const { signal } = new AbortController();
  const options = { stackName: 'bramble', fingerprint: 'new', clock: hastyClock(), signal };
  expect(await putBack(docker, options)).toEqual(['bramble_control']);
  expect(seen).toEqual([
    'updating',
    'updating',
    'rollback_started',
    'service rollback --detach bramble_control',
  ]);
});
