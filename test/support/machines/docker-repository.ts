import { cp, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { startHttpServer } from '../http-server.ts';
import { removeFolder } from '../remove-folder.ts';
import type { Machine } from './machine.ts';

/** As `docker-ce` and its command line have them, the older first. */
export const dockersVersions = ['5:27.3.1-1~debian.12~bookworm', '5:27.4.0-1~debian.12~bookworm'] as const;

export interface DockerRepository {
  /** `http://10.77.x.1:4711/linux`. */
  readonly url: string;
  /** Of the key that signs it. */
  readonly fingerprint: string;
  /** Files that are served otherwise than they were signed: path → change. */
  readonly spoiled: Map<string, (content: Buffer) => Buffer>;
  close(): Promise<void>;
}

/**
 * A repository of packages that is like Docker's own in its names, its layout and its signature; in the packages is Docker as a
 * bookworm machine is offered it by Debian. The machine makes it.
 */
export async function startDockerRepository(maker: Machine, host: string): Promise<DockerRepository> {
  const fingerprint = await maker.exec(['sh', '-s', ...dockersVersions], { stdin: makeScript });
  const folder = await mkdtemp(join(tmpdir(), 'bramble-packages-'));
  await cp(`${maker.root}/srv/docker`, folder, { recursive: true });
  const spoiled: DockerRepository['spoiled'] = new Map();
  const server = await startHttpServer(
    async (request, response) => {
      const path = normalize(decodeURIComponent(request.url ?? ''));
      const content = await readFile(join(folder, path)).catch(() => undefined);
      if (content === undefined) response.writeHead(404).end();
      else response.end(spoiled.get(path)?.(content) ?? content);
    },
    { host },
  );
  return {
    ...{ url: `http://${server.address}/linux`, fingerprint, spoiled },
    async close() {
      await server.close();
      removeFolder(folder);
    },
  };
}

/** Prints the fingerprint of the key. */
const makeScript = String.raw`set -eu
work=$(mktemp -d) out=/srv/docker/linux/debian dists=dists/bookworm
pool=$dists/pool/stable architecture=$(dpkg --print-architecture)
index=$dists/stable/binary-$architecture
mkdir -p "$out/$pool" "$out/$index" "$work/gnupg"
chmod 700 "$work/gnupg"
export GNUPGHOME="$work/gnupg"

pack() {
  name=$1 version=$2 relations=$3
  rm -f "$work/$name/DEBIAN/md5sums"
  {
    printf 'Package: %s\nVersion: %s\nArchitecture: %s\n' "$name" "$version" "$architecture"
    printf 'Maintainer: a test\nDescription: as Docker packs it\n%b' "$relations"
  } >"$work/$name/DEBIAN/control"
  dpkg-deb -Znone --build "$work/$name" "$out/$pool/$(echo "$name-$version" | tr : -).deb" >/dev/null
}

dpkg-deb --raw-extract /srv/debian/docker.io_*.deb "$work/docker-ce"
mkdir -p "$work/docker-ce-cli/DEBIAN" "$work/docker-ce-cli/usr/bin"
mv "$work/docker-ce/usr/bin/docker" "$work/docker-ce-cli/usr/bin/"
dpkg-deb --raw-extract /srv/debian/containerd_*.deb "$work/containerd.io"
dpkg-deb --extract /srv/debian/runc_*.deb "$work/containerd.io"
engine='containerd.io, docker-ce-cli, iptables, adduser, tini, libc6, libdevmapper1.02.1, libsystemd0'
for version; do
  pack docker-ce "$version" "Depends: $engine\nConflicts: docker-engine, docker.io\nReplaces: docker-engine\n"
  pack docker-ce-cli "$version" 'Depends: libc6\nConflicts: docker-engine, docker.io\n'
done
others='containerd, runc'
pack containerd.io 1.7.22-1 "Depends: libc6, libseccomp2\nProvides: $others\nConflicts: $others\nReplaces: $others\n"

cd "$out"
for deb in "$pool"/*.deb; do
  dpkg-deb --field "$deb"
  printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' \
    "$deb" "$(stat --format=%s "$deb")" "$(sha256sum "$deb" | cut -d ' ' -f 1)"
done >"$index/Packages"
gpg --batch --quiet --passphrase '' --quick-generate-key 'packages of a test' ed25519 sign never
gpg --armor --export >gpg
cd "$dists"
file=stable/binary-$architecture/Packages
{
  printf 'Origin: Docker\nSuite: bookworm\nCodename: bookworm\nComponents: stable\n'
  printf 'Architectures: %s\nDate: %s\n' "$architecture" "$(date -u -R)"
  printf 'SHA256:\n %s %s %s\n' "$(sha256sum $file | cut -d ' ' -f 1)" "$(stat --format=%s $file)" "$file"
} | gpg --batch --clearsign >InRelease
gpg --list-keys --with-colons | sed -n 's/^fpr:*\([0-9A-F]*\):*$/\1/p'
gpgconf --kill gpg-agent
rm -r "$work"
`;
