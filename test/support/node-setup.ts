import type { PresentFiles } from '../../provision/customise/boot-files.ts';
import type { NodeSetup } from '../../provision/customise/node-setup.ts';

/** Not a key, but it has the form of one. */
const hostKey = {
  privateKey:
    '-----BEGIN OPENSSH PRIVATE KEY-----\nYSBwcml2YXRlIGhvc3Qga2V5\n-----END OPENSSH PRIVATE KEY-----\n',
  publicKey: 'ssh-ed25519 YSBwdWJsaWMgaG9zdCBrZXk= pi-01',
};

export const examplePsk = '0123456789abcdef'.repeat(4);
/** Of `secret`. */
export const exampleHash =
  '$6$saltstring$AIsRs/Ee56G/tC8MEHhvReZTfx8u3rXXMl6eYrjCG9ibix19DxoMBLogdTET5Ukw9Sf7eZTITsuk0Ry5qulYz.';

/** A node on Ethernet with DHCP and nothing attached, who gets in by key only. */
export function nodeSetup(changes: Partial<NodeSetup> = {}): NodeSetup {
  return {
    hostName: 'pi-01',
    user: {
      name: 'ada',
      passwordHash: undefined,
      authorizedKeys: ['ssh-ed25519 QWRhJ3Mga2V5 ada@laptop'],
    },
    timeZone: 'Europe/Berlin',
    locale: 'en_GB.UTF-8',
    keymap: 'gb',
    wifiCountry: undefined,
    wifi: undefined,
    addressing: { kind: 'dhcp' },
    hardware: [],
    hasWatchdog: false,
    hostKey,
    flashId: 'flash-0001',
    ...changes,
  };
}

/** The three nodes that every release has golden files for. */
export const exampleNodes = {
  plain: nodeSetup(),
  wifi: nodeSetup({
    user: {
      name: 'ada',
      passwordHash: exampleHash,
      authorizedKeys: ['ssh-ed25519 QWRhJ3Mga2V5 ada@laptop', `ssh-rsa Qm9iJ3Mga2V5 Bob's "old" key`],
    },
    wifiCountry: 'NO',
    wifi: { ssid: 'Søstrene "Grå" $HOME', psk: examplePsk, isHidden: true },
    hardware: ['blinkt', 'pir', 'ds18b20', 'dht22'],
    hasWatchdog: true,
  }),
  static: nodeSetup({
    addressing: {
      kind: 'static',
      address: '192.168.1.21/24',
      gateway: '192.168.1.1',
      dns: ['192.168.1.1', '9.9.9.9'],
    },
    hardware: ['bme280'],
  }),
};

/** As images of the two releases have them. */
export const presentFiles: Readonly<Record<'bookworm' | 'trixie', PresentFiles>> = {
  bookworm: {
    cmdline:
      'console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 fsck.repair=yes rootwait quiet init=/usr/lib/raspberrypi-sys-mods/firstboot\n',
    config: configOfImages(),
  },
  trixie: {
    cmdline:
      'console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 fsck.repair=yes rootwait resize\n',
    config: configOfImages(),
  },
};

function configOfImages(): string {
  return `# Some settings may impact device functionality
#dtparam=i2c_arm=on
#dtparam=i2s=on
dtparam=audio=on
dtoverlay=vc4-kms-v3d
arm_64bit=1

[cm4]
otg_mode=1

[cm5]
dtoverlay=dwc2,dr_mode=host

[all]
`;
}
