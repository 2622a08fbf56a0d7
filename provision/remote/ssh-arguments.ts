export interface SshTarget {
  /** The node's name. */
  readonly name: string;
  readonly host: string;
  /** `undefined`: whom ~/.ssh/config says, else who runs this. */
  readonly user: string | undefined;
  /** `undefined`: as ~/.ssh/config says, else 22. */
  readonly port: number | undefined;
  /** A private key beside the user's own. */
  readonly key?: string | undefined;
  /** `user@host:port` to go through. */
  readonly jump?: string | undefined;
  /** Files, the project's first; nobody else's key is trusted. */
  readonly knownHosts: readonly string[];
}

/** Of every call of `ssh` to a node: where it is, who logs in, whose keys are known, and that no wait is without end. */
export function argumentsFor(
  { user, port, key, jump, knownHosts }: SshTarget,
  { connectSeconds }: { readonly connectSeconds: number },
): string[] {
  return [
    ...option('UserKnownHostsFile', knownHosts.map(quoteFile).join(' ')),
    ...option('UpdateHostKeys', 'no'),
    ...option('ConnectTimeout', connectSeconds),
    ...option('ServerAliveInterval', 5),
    ...option('ServerAliveCountMax', 3),
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(key === undefined ? [] : ['-i', key]),
    ...(jump === undefined ? [] : ['-J', jump]),
  ];
}

export function option(name: string, value: string | number): string[] {
  return ['-o', `${name}=${value}`];
}

/** ssh_config(5): quotes for spaces; a percent sign would begin a token. */
function quoteFile(file: string): string {
  return `"${file.replaceAll('%', '%%')}"`;
}
