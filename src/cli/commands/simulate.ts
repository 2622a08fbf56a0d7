import { type Command, InvalidArgumentError } from 'commander';
import { addGateway, explain } from '../command.ts';
import { connect, type GatewayOptions } from '../connection.ts';
import { type CliContext, print } from '../context.ts';

type Change = Readonly<Record<string, boolean | number | string>>;

export function addSimulate(program: Command, context: CliContext): void {
  const simulate = program
    .command('simulate')
    .description('move the simulated sensors of a bramble that runs without pins');
  explain(simulate, { examples: ['bramble simulate motion', 'bramble simulate celsius 41.5'] });

  const apply = async (change: Change, done: string, options: GatewayOptions) => {
    const gateway = await connect(context, options);
    await gateway.ask('POST', '/bramble/simulate', { body: change });
    print(context, options, change, () => `${done}\n`);
  };

  const motion = addGateway(simulate.command('motion'))
    .description('somebody moves in front of the PIR')
    .action((options: GatewayOptions) =>
      apply(
        { motion: true },
        'the simulated PIR sees motion, until you say: bramble simulate still',
        options,
      ),
    );
  explain(motion, { examples: ['bramble simulate motion'], json: '{ "motion": true }' });

  const still = addGateway(simulate.command('still'))
    .description('nobody moves in front of the PIR any more')
    .action((options: GatewayOptions) => apply({ motion: false }, 'the simulated PIR sees nothing', options));
  explain(still, { examples: ['bramble simulate still'], json: '{ "motion": false }' });

  const celsius = addGateway(simulate.command('celsius'))
    .description('set what a simulated thermometer reads')
    .argument('<degrees>', 'degrees Celsius; put -- before a negative number', parseCelsius)
    .option('--sensor <id>', 'which thermometer (default: the first)')
    .action((degrees: number, options: GatewayOptions & { readonly sensor?: string }) => {
      const which = options.sensor === undefined ? {} : { sensor: options.sensor };
      return apply({ celsius: degrees, ...which }, `the simulated thermometer reads ${degrees} °C`, options);
    });
  explain(celsius, {
    examples: ['bramble simulate celsius 41.5', 'bramble simulate celsius -- -5'],
    json: '{ "celsius": 41.5, "sensor"?: "…" }',
  });
}

function parseCelsius(text: string): number {
  const degrees = Number(text);
  if (text.trim() !== '' && Number.isFinite(degrees)) return degrees;
  throw new InvalidArgumentError('It must be a number.');
}
