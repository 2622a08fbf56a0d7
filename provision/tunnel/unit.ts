import { tunnelPlaces } from './places.ts';

/** A host of the user's own, seen from the node. */
export interface TunnelHost {
  readonly user: string;
  readonly host: string;
  /** Of its SSH server. */
  readonly port: number;
}

export interface TunnelOptions {
  readonly host: TunnelHost;
  /** Port of the host's loopback that leads to the gateway. */
  readonly remotePort: number;
  readonly gatewayPort: number;
}

/** What a unit's command line takes as it is: neither quotes nor specifiers of systemd.service(5). */
const plainWord = /^[\w.:@=/+[\]-]+$/;

/**
 * The unit that keeps the tunnel up. It counts as started only when the host has let us in, so that `systemctl status` says the
 * truth; it may do nothing on the node but open connections.
 */
export function renderTunnelUnit({ host, remotePort, gatewayPort }: TunnelOptions): string {
  const { folder, user } = tunnelPlaces;
  const option = (text: string) => ['-o', text];
  const command = [
    ...['/usr/bin/ssh', '-N', '-T', '-F', 'none'],
    ...['-i', `${folder}/key`],
    ...option('IdentitiesOnly=yes'),
    ...option('BatchMode=yes'),
    ...option('StrictHostKeyChecking=yes'),
    ...option(`UserKnownHostsFile=${folder}/known_hosts`),
    ...option('GlobalKnownHostsFile=/dev/null'),
    ...option('UpdateHostKeys=no'),
    ...option('ExitOnForwardFailure=yes'),
    ...option('ConnectTimeout=15'),
    ...option('ServerAliveInterval=15'),
    ...option('ServerAliveCountMax=3'),
    ...option('PermitLocalCommand=yes'),
    ...['-R', `127.0.0.1:${remotePort}:127.0.0.1:${gatewayPort}`],
    ...['-p', String(host.port), '-l', host.user, host.host],
  ];
  const odd = command.find((word) => !plainWord.test(word));
  if (odd !== undefined) throw new TypeError(`a unit cannot have this word: ${odd}`);
  const [program, ...words] = command;
  return `[Unit]
Description=Bramble's gateway, reached through ${host.user}@${host.host}
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=all
User=${user}
Environment=SHELL=/bin/sh
ExecStart=${program} -o "LocalCommand=systemd-notify --ready" ${words.join(' ')}
TimeoutStartSec=60
Restart=always
RestartSec=5
CapabilityBoundingSet=
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
`;
}

/** The line for the host's ~/.ssh/authorized_keys: with this key nothing can be done there but to offer that one port. */
export function renderAuthorizedKey(publicKey: string, remotePort: number): string {
  const limits = [
    'restrict',
    'port-forwarding',
    `permitlisten="127.0.0.1:${remotePort}"`,
    // A list that allows nothing cannot be written; nobody listens there (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
    'permitopen="127.0.0.1:1"',
    'command="/bin/false"',
  ];
  return `${limits.join(',')} ${publicKey}`;
}
