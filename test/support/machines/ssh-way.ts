import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFolder } from '../remove-folder.ts';
import { until } from '../wait.ts';
import type { Machines } from './machines.ts';

export interface SshWayOptions {
  /** What ~/.ssh/config calls the jump host. */
  readonly name: string;
  /** Which machine that is. */
  readonly index: number;
  /** By machine, another port than 22 where its SSH server answers. */
  readonly ports: Readonly<Record<number, number>>;
}

export interface SshWay {
  /** With it `ssh` is that of a user who has a configuration of his own, and an agent that holds the key of the test. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** From now on all machines but the jump host take SSH from there only. */
export async function openSshWay(machines: Machines, { name, index, ports }: SshWayOptions): Promise<SshWay> {
  const jump = machines.at(index);
  const others = machines.all.filter((machine) => machine !== jump);
  for (const machine of others) {
    const port = ports[machines.all.indexOf(machine)] ?? 22;
    await machine.exec(['sh', '-c', listenAt, 'sh', String(port), machines.hostAddress]);
  }
  const folder = await mkdtemp(join(tmpdir(), 'bramble-way-'));
  const lines = Object.entries(ports).map(([at, port]) => [
    `Host ${machines.at(Number(at)).address}`,
    `  Port ${port}`,
  ]);
  const config = [
    ...lines.flat(),
    `Host ${name}`,
    `  HostName ${jump.address}`,
    '  User pi',
    '  StrictHostKeyChecking yes',
    `  UserKnownHostsFile ${machines.knownHosts}`,
    '',
  ];
  await writeFile(join(folder, 'config'), config.join('\n'));
  // `ssh` looks for ~/.ssh/config where the account has its home, whatever HOME says.
  const ssh = execFileSync('which', ['ssh'], { encoding: 'utf8' }).trim();
  await mkdir(join(folder, 'bin'));
  const wrapper = `#!/bin/sh\nexec ${ssh} -F '${folder}/config' "$@"\n`;
  await writeFile(join(folder, 'bin/ssh'), wrapper, { mode: 0o755 });
  const socket = join(folder, 'agent');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  await until('the agent is there', () => existsSync(socket));
  const env = { SSH_AUTH_SOCK: socket };
  execFileSync('ssh-add', ['-q', machines.keyFile], { env: { ...process.env, ...env } });
  return {
    env: { ...env, PATH: `${folder}/bin:${process.env.PATH ?? ''}` },
    async close() {
      const ended = once(agent, 'exit');
      agent.kill();
      await ended;
      removeFolder(folder);
    },
  };
}

const listenAt = `set -eu
[ "$1" = 22 ] || {
  echo "Port $1" >/etc/ssh/sshd_config.d/port.conf
  systemctl restart ssh
}
iptables -A INPUT -p tcp --dport "$1" -s "$2" -j REJECT
`;
