import type { Remote } from '../remote/remote.ts';
import { registryPlaces } from './places.ts';

/** `$1` is the folder, `$2` the node's name. Prints a request for a certificate; the key stays where it was made. */
const requestScript = `
set -eu
umask 077
mkdir -p "$1"
chmod 755 "$1"
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1/client.key.new" -subj "/CN=$2" 2>/dev/null
`;

/** `$1` is the registry's folder, `$2` the request. Prints the certificate. */
const signScript = String.raw`
set -eu
printf '%s\n' "$2" | openssl x509 -req -CA "$1/ca.crt" -CAkey "$1/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
  -days 3650 -extfile "$1/openssl.cnf" -extensions client 2>/dev/null
`;

/** `$1` is the folder, `$2` the certificate, `$3` that of the authority, which comes last: it tells that all is there. */
const storeScript = String.raw`
set -eu
umask 022
mv "$1/client.key.new" "$1/client.key"
printf '%s\n' "$2" >"$1/client.cert"
printf '%s\n' "$3" >"$1/ca.crt"
`;

export interface TrustOptions {
  /** `192.168.1.21:5000`. */
  readonly address: string;
  /** The node that has the authority. */
  readonly authority: Remote;
  readonly signal: AbortSignal;
}

/** Docker of this node knows the registry from now on, and is known to it. No key leaves the node that it was made on. */
export async function trustRegistry(
  remote: Remote,
  { address, authority, signal }: TrustOptions,
): Promise<void> {
  const folder = `${registryPlaces.certificates}/${address}`;
  const sh = async (where: Remote, script: string, ...args: readonly string[]) => {
    const { stdout } = await where.run(['sh', '-s', ...args], { as: 'root', stdin: script, signal });
    return stdout.trim();
  };
  const request = await sh(remote, requestScript, folder, remote.name);
  const certificate = await sh(authority, signScript, registryPlaces.folder, request);
  const ca = await sh(authority, 'cat "$1/ca.crt"', registryPlaces.folder);
  await sh(remote, storeScript, folder, certificate, ca);
}
