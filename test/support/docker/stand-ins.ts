/** Stand-ins for the images that are pulled elsewhere: `node:22-bookworm-slim`, `python:3-slim`, `eclipse-mosquitto`. */
import { homedir } from 'node:os';
import type { DockerNode } from './docker.ts';
import { buildImage, buildImages } from './images.ts';
import { importPackages } from './package-images.ts';

type Docker = Pick<DockerNode, 'docker'>;

export const nodeBase = 'bramble-test/node-base';
export const buildBase = 'bramble-test/build-base';
export const pythonBase = 'bramble-test/python-base';
export const brokerImage = 'bramble-test/mosquitto';

const installBusybox =
  'RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin; mkdir -p /var/lib"]';

/** Node.js with a shell. */
export async function buildNodeBase(docker: Docker): Promise<void> {
  await buildImages(docker, ['node']);
  await buildImage(docker, nodeBase, {
    files: { busybox: { from: '/bin/busybox' } },
    dockerfile: ['FROM bramble-test/node', 'COPY busybox /bin/busybox', installBusybox].join('\n'),
  });
}

/** Node.js with npm, what it has downloaded on this machine, and a compiler: `npm ci` without a network. */
export async function buildBuildBase(docker: Docker): Promise<void> {
  await importPackages(docker, buildBase, {
    packages: ['nodejs', 'g++', 'make', 'python3', 'bash', 'coreutils', 'sed', 'busybox-static'],
    folders: ['/usr/lib/node_modules/npm', `${homedir()}/.npm/_cacache`],
    lines: [
      `ENV PATH=/usr/bin:/bin npm_config_cache=${homedir()}/.npm npm_config_offline=true npm_config_nodedir=/usr`,
    ],
  });
}

export async function buildPythonBase(docker: Docker): Promise<void> {
  await importPackages(docker, pythonBase, {
    packages: ['python3', 'busybox-static'],
    lines: ['ENV PATH=/usr/bin:/bin'],
  });
}

/** Laid out as the official image: user 1883, configuration and data below /mosquitto. */
export async function buildBroker(docker: Docker): Promise<void> {
  await importPackages(docker, brokerImage, {
    packages: ['mosquitto', 'mosquitto-clients', 'busybox-static'],
    lines: [
      'ENV PATH=/usr/bin:/bin',
      'RUN mkdir -p /mosquitto/data /mosquitto/config && chown -R 1883:1883 /mosquitto',
      'RUN echo mosquitto:x:1883:1883::/:/bin/sh > /etc/passwd && echo mosquitto:x:1883: > /etc/group',
      'CMD ["/usr/sbin/mosquitto", "-c", "/mosquitto/config/mosquitto.conf"]',
    ],
  });
}
