import { expect, it } from 'vitest';
import { putBack } from '../../../provision/put-back.ts';

it('puts back the services that an update has reached, and leaves those that were rolled back already or are new', async () => {
  const services = [
    'bramble_agent\told\tolder',
    'bramble_control\tnew\told',
    'bramble_mosquitto\tnew\t',
    'bramble_extra\tnew\tnew',
  ];
  const begun: string[] = [];
  const docker = {
    async run(args: readonly string[]) {
      if (args[0] === 'stack') return services.map((line) => line.split('\t')[0]).join('\n');
      if (args[1] === 'inspect') return services.join('\n');
      begun.push(args.join(' '));
      return '';
    },
  };
  expect(await putBack(docker, 'bramble', 'new')).toEqual(['bramble_control']);
  expect(begun).toEqual(['service rollback --detach bramble_control']);
});
