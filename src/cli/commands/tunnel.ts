import { type Command, InvalidArgumentError } from 'commander';
import type { TunnelHost } from '../../../provision/tunnel/unit.ts';
import { addJson, explain } from '../command.ts';
import type { CliContext } from '../context.ts';
import type { InstallFlags, TunnelFlags } from '../life/tunnel.ts';
import { parsePort } from '../parse-port.ts';

export function addTunnel(program: Command, context: CliContext): void {
  const tunnel = program
    .command('tunnel')
    .description(
      'reach gateway and dashboard from outside: the first manager keeps a way open through SSH to a host of yours',
    );
  explain(tunnel, { examples: ['bramble tunnel install me@host.example', 'bramble tunnel status'] });

  const install = addTo(tunnel, 'install')
    .description('make a key on the node, and keep the tunnel up from now on; prints what the host must know')
    .argument('<user@host>', 'who it logs in as, and where', parseHost)
    .option('--port <number>', "port of the host's SSH server", parsePort, 22)
    .option(
      '--remote-port <number>',
      "port of the host's loopback that leads to the gateway",
      parsePort,
      18_080,
    )
    .option('--fingerprint <SHA256:…>', 'the key that the host must show; nothing is asked then')
    .action(async (host: Omit<TunnelHost, 'port'>, flags: InstallFlags) => {
      const { installTunnel } = await import('../life/tunnel.ts');
      await installTunnel({ ...host, port: flags.port }, flags, context);
    });
  explain(install, {
    examples: [
      'bramble tunnel install me@host.example',
      'bramble tunnel install me@host.example --port 2222 --remote-port 9000',
    ],
    json: '{ node, state: "connected" | "connecting", remotePort, authorizedKey, lastWords }',
  });

  const status = addTo(tunnel, 'status')
    .description('tell whether the tunnel is there, and what keeps it from being')
    .action(async (flags: TunnelFlags) => {
      const { showTunnel } = await import('../life/tunnel.ts');
      await showTunnel(flags, context);
    });
  explain(status, {
    examples: ['bramble tunnel status'],
    json: '{ node, state: "not installed" | "stopped" | "connecting" | "connected", description, lastWords, hasFailed }',
  });

  const remove = addTo(tunnel, 'remove')
    .description('end the tunnel, and remove its key from the node')
    .action(async (flags: TunnelFlags) => {
      const { endTunnel } = await import('../life/tunnel.ts');
      await endTunnel(flags, context);
    });
  explain(remove, {
    examples: ['bramble tunnel remove'],
    json: '{ node, outcome: "removed" | "not there" }',
  });
}

function addTo(tunnel: Command, name: string): Command {
  return addJson(tunnel.command(name))
    .option('-c, --config <file>', 'the file that lists the nodes', 'bramble.yaml')
    .option('--node <node>', 'the node that it begins on (default: the first manager)');
}

/** Of what follows the first letter nothing is an option of `ssh`. */
function parseHost(text: string): Omit<TunnelHost, 'port'> {
  const [, user, host] = /^([A-Za-z_][\w.-]*)@(\w[\w.:-]*)$/.exec(text) ?? [];
  if (user === undefined || host === undefined) throw new InvalidArgumentError('Write it as user@host.');
  return { user, host };
}
