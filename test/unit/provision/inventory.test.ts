import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadInventory } from '../../../provision/inventory.ts';
import { BrambleError } from '../../../src/support/errors.ts';
import { makeProject, makePublicKey } from '../../support/bramble-yaml.ts';
import { root } from '../../support/repo.ts';

const load = (cluster: object | string = {}) => {
  const { file, folder } = makeProject(cluster);
  return loadInventory({ file, home: folder });
};

function refusalOf(cluster: object | string): BrambleError {
  try {
    load(cluster);
  } catch (err) {
    if (err instanceof BrambleError) return err;
    throw err;
  }
  throw new Error('it was accepted');
}

/** `line 3: cluster.name: …` for each problem. */
const problemsOf = (cluster: object | string) =>
  refusalOf(cluster)
    .message.split('\n')
    .slice(1)
    .map((line) => line.trim());
const nodes = (...some: object[]) => some.map((node, i) => ({ name: `pi-0${i + 1}`, ...node }));
const manager = { role: 'manager' };

describe('an inventory', () => {
  it('has every default filled in', () => {
    const { file, folder, key } = makeProject({});
    expect(loadInventory({ file, home: folder })).toEqual({
      file,
      name: 'bramble',
      image: undefined,
      user: { name: 'pi', authorizedKeys: [key], hasPassword: false, passwordFile: undefined },
      timeZone: 'Etc/UTC',
      locale: 'en_GB.UTF-8',
      keymap: 'gb',
      hasWatchdog: true,
      wifi: undefined,
      ssh: { port: undefined, key: undefined, jump: undefined },
      docker: {
        source: undefined,
        version: undefined,
        repository: 'https://download.docker.com/linux',
        fingerprint: '9DC858229FC7DD38854AE2D88D81803C0EBFCD88',
      },
      agent: { image: undefined, brokerImage: 'eclipse-mosquitto:2.0.22' },
      nodes: [
        {
          name: 'pi-01',
          role: 'manager',
          host: 'pi-01.local',
          addressing: { kind: 'dhcp' },
          isWireless: false,
          hardware: [],
          labels: {},
        },
      ],
    });
  });

  it.each([
    ['./bramble.tar', 'bramble.tar'],
    ['images/bramble.tar.gz', 'images/bramble.tar.gz'],
    ['registry.local:5000/bramble:1', undefined],
  ])('takes the agent’s image %s as an archive beside the file, or as a reference', (image, path) => {
    const { file, folder } = makeProject({ agent: { image } });
    const expected = path === undefined ? image : join(folder, path);
    expect(loadInventory({ file, home: folder }).agent.image).toBe(expected);
  });

  it('cannot be changed', () => {
    const inventory = load();
    expect(Object.isFrozen(inventory) && Object.isFrozen(inventory.nodes[0]?.addressing)).toBe(true);
  });

  it('reaches a node with a fixed address there, others by their names, all where they say so', () => {
    const inventory = load({
      network: { gateway: '192.168.1.1' },
      nodes: nodes({ ...manager, address: '192.168.1.21/24' }, {}, { host: 'attic.example.org' }),
    });
    expect(inventory.nodes.map(({ host }) => host)).toEqual([
      '192.168.1.21',
      'pi-02.local',
      'attic.example.org',
    ]);
    expect(inventory.nodes[0]?.addressing).toEqual({
      kind: 'static',
      address: '192.168.1.21/24',
      gateway: '192.168.1.1',
      dns: ['192.168.1.1'],
    });
  });

  it('has every node on the Wi-Fi but those on a cable', () => {
    const wifi = { ssid: 'home', country: 'DE' };
    const inventory = load({ network: { wifi }, nodes: nodes(manager, { wifi: false }) });
    expect(inventory.nodes.map(({ isWireless }) => isWireless)).toEqual([true, false]);
  });

  it('looks for files from the folder of bramble.yaml, and for ~ in the home folder', () => {
    const { file, folder } = makeProject({
      image: 'images/os.img.xz',
      user: { authorizedKeys: ['~/key.pub'], passwordFile: 'user.txt' },
    });
    const { image, user } = loadInventory({ file, home: folder });
    expect(image?.source).toBe(join(folder, 'images/os.img.xz'));
    expect(user).toMatchObject({ hasPassword: true, passwordFile: join(folder, 'user.txt') });
  });

  it('takes an image with its checksums, and an address as it is', () => {
    const sha256 = 'a'.repeat(64);
    const source = 'https://example.org/os.img.xz';
    expect(load({ image: source }).image).toEqual({ source });
    expect(load({ image: { source, sha256 } }).image).toEqual({ source, sha256 });
  });

  it('is the example of the documents', () => {
    const [, text = ''] =
      /^```yaml\n(.*?)^```$/ms.exec(readFileSync(join(root, 'docs/FLASH.md'), 'utf8')) ?? [];
    const { folder, file } = makeProject(text.replace(/~\/\.ssh\/\S+/, 'key.pub'));
    expect(loadInventory({ file, home: folder }).nodes.length).toBeGreaterThan(2);
  });
});

describe('a bramble.yaml that cannot be used', () => {
  it('is told all its problems at once, in their order, each with line and path', () => {
    const text = [
      'cluster:',
      '  name: My_Cluster',
      '  timeZone: Mars/Olympus',
      '  nodes:',
      '    - name: pi-01',
      '      role: boss',
      '    - name: pi-02',
      '    - name: pi-02',
      '  user: { authorizedKeys: [none.pub] }',
      'motion: { gpoi: 17 }',
    ];
    expect(problemsOf(text.join('\n')).map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      'line 2: cluster.name:',
      'line 3: cluster.timeZone:',
      'line 6: cluster.nodes.0.role:',
      'line 8: cluster.nodes.2.name:',
      'line 9: cluster.user.authorizedKeys.0:',
      'line 10: motion.gpoi:',
    ]);
  });

  it('says what to do when it is not there or has no cluster', () => {
    const { folder } = makeProject();
    const missing = () => loadInventory({ file: join(folder, 'none.yaml'), home: folder });
    expect(missing).toThrow(/none\.yaml; bramble init makes one/);
    expect(problemsOf('motion: {}')).toEqual(['cluster: is required; bramble init makes an example of it']);
    expect(problemsOf('cluster: 5')).toEqual(['line 1: cluster: must be object, not 5']);
    expect(problemsOf('cluster: { nodes: 5 }')[0]).toContain('cluster.nodes: must be array, not 5');
  });

  it.each([
    [
      'a name that is none',
      { nodes: nodes({ ...manager, name: 'Pi_1' }) },
      'cluster.nodes.0.name: must be small',
    ],
    ['a name that means all', { nodes: nodes({ ...manager, name: 'all' }) }, 'cluster.nodes.0.name'],
    [
      'root as the user',
      { user: { name: 'root', authorizedKeys: ['key.pub'] } },
      'cluster.user.name: must be',
    ],
    ['no manager', { nodes: nodes({}) }, 'no node is a manager'],
    ['an even number of managers', { nodes: nodes(manager, manager) }, 'make it 1 or 3'],
    ['a host twice', { nodes: nodes(manager, { host: 'a.b' }, { host: 'A.b' }) }, 'a.b is taken by pi-02'],
    ['sensors on one pin', { nodes: nodes({ ...manager, hardware: ['dht11', 'dht22'] }) }, 'pin BCM 22'],
    [
      'a label of two lines',
      { nodes: nodes({ ...manager, labels: { room: 'a\nb' } }) },
      '"room" is no label',
    ],
    ['a key that there is not', { colour: 'red' }, 'cluster.colour: is not a known key'],
    [
      'a checksum that is none',
      { image: { source: 'a', sha256: 'abc' } },
      'cluster.image.sha256: must be 64',
    ],
    ['an image that is neither', { image: 5 }, 'cluster.image: must be string,object, not 5'],
    ['a locale that is none', { locale: 'english' }, 'cluster.locale: must be of the form'],
  ])('is told of %s', (_what, cluster, sentence) => {
    expect(problemsOf(cluster)).toEqual([expect.stringContaining(sentence)]);
  });

  it.each([
    ['the place of another', ['192.168.1.9/24', '192.168.1.9/24'], '192.168.1.9 is taken by pi-01'],
    ['another network', ['10.0.0.9/24'], 'the gateway 192.168.1.1 is not in 10.0.0.0/24'],
    ['the network itself', ['192.168.1.0/24'], 'is the name or the broadcast address of 192.168.1.0/24'],
    ['everybody', ['192.168.1.255/24'], 'is the name or the broadcast address of 192.168.1.0/24'],
    ['the gateway', ['192.168.1.1/24'], "192.168.1.1 is the gateway's"],
    ['a number over 255', ['192.168.1.256/24'], 'must be dhcp, or an address such as'],
  ])('is told of an address of %s', (_what, addresses, sentence) => {
    const [first, ...rest] = addresses.map((address) => ({ address }));
    const cluster = { network: { gateway: '192.168.1.1' }, nodes: nodes({ ...manager, ...first }, ...rest) };
    expect(problemsOf(cluster)).toEqual([expect.stringContaining(sentence)]);
  });

  it('is told that a fixed address needs a gateway', () => {
    expect(problemsOf({ nodes: nodes({ ...manager, address: '10.1.2.3/16' }) })[0]).toMatch(
      /needs cluster\.network\.gateway, the router's address in 10\.1\.0\.0\/16/,
    );
  });

  it.each([
    [{ ssid: 'ü'.repeat(17), country: 'DE' }, 'ssid: is longer than 32 bytes'],
    [{ ssid: 'a\tb', country: 'DE' }, 'ssid: has a control character'],
    [{ ssid: 'home', country: 'UK' }, 'country: UK is no country; the United Kingdom is GB'],
    [{ ssid: 'home', country: 'EU' }, 'country: EU is no country'],
    [{ ssid: 'home', country: 'de' }, 'country: must be two capital letters'],
    [{ ssid: 'home' }, 'country: is required'],
  ])('is told of the Wi-Fi %j', (wifi, sentence) => {
    expect(problemsOf({ network: { wifi } })).toEqual([
      expect.stringContaining(`cluster.network.wifi.${sentence}`),
    ]);
  });

  it.each(['europe/berlin', 'Europe/Atlantis', 'EST5', '+01:00', '../../etc/passwd', ''])(
    'is told of the time zone %j',
    (timeZone) => {
      expect(problemsOf({ timeZone })[0]).toContain('cluster.timeZone: there is no time zone');
    },
  );

  it('counts the pins that are configured for the agents', () => {
    const { file, folder } = makeProject(
      'motion: { gpio: 4 }\ncluster: { user: { authorizedKeys: [key.pub] }, nodes: [{ name: a, role: manager, hardware: [pir, ds18b20] }] }',
    );
    expect(() => loadInventory({ file, home: folder })).toThrow(/ds18b20 and pir both need pin BCM 4/);
  });

  it('is told of many problems without looking further', () => {
    expect(problemsOf({ nodes: Array(100).fill('pi') }).length).toBeGreaterThan(30);
  });

  it('is told where a password belongs, and does not repeat it', () => {
    const refusal = refusalOf({
      user: { authorizedKeys: ['key.pub'], password: 'hunter2' },
      network: { wifi: { ssid: 'home', country: 'DE', psk: 'hunter2' } },
    });
    expect(refusal.message).toContain('set BRAMBLE_USER_PASSWORD, or name a file');
    expect(refusal.message).toContain('set BRAMBLE_WIFI_PASSWORD, or name a file');
    expect(JSON.stringify([refusal.message, refusal.problems])).not.toContain('hunter2');
  });
});

describe('an older name of a time zone', () => {
  it.each(['Europe/Kiev', 'Asia/Calcutta', 'UTC', 'America/Argentina/Buenos_Aires'])(
    '%s is good',
    (timeZone) => {
      expect(load({ timeZone }).timeZone).toBe(timeZone);
    },
  );
});

describe('authorised keys', () => {
  const withKeys = (...authorizedKeys: string[]) => ({ user: { authorizedKeys } });

  it('are read from files and lines, each once, comments of a file left out', () => {
    const { file, folder, key } = makeProject(withKeys('more.pub', 'key.pub'));
    const [one, two] = [makePublicKey('one'), makePublicKey('two')];
    writeFileSync(join(folder, 'more.pub'), `# mine\n${one}\n\n${two}\r\n${key}\n`);
    expect(loadInventory({ file, home: folder }).user.authorizedKeys).toEqual([one, two, key]);
    expect(load(withKeys(one)).user.authorizedKeys).toEqual([one]);
  });

  it('are not private ones, which are refused without being shown', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const { file, folder } = makeProject(withKeys('id', pem));
    writeFileSync(join(folder, 'id'), pem);
    const refused = () => loadInventory({ file, home: folder });
    expect(refused).toThrow(/id is a private key; name the public one, which is most often id\.pub/);
    expect(refused).toThrow(/authorizedKeys\.1: is a private key; take it out/);
    expect(refused).not.toThrow(pem.slice(40, 60));
  });

  it.each([
    ['nothing', '', 'has no key in it'],
    ['another text', 'hello world', 'no public key'],
    ['a cut key', makePublicKey().slice(0, 40), 'no public key'],
    [
      'a key of another type than it says',
      makePublicKey().replace('ssh-ed25519', 'ssh-rsa'),
      'no public key',
    ],
  ])('are refused where a file has %s', (_what, text, sentence) => {
    const { file, folder } = makeProject(withKeys('odd.pub'));
    writeFileSync(join(folder, 'odd.pub'), text);
    expect(() => loadInventory({ file, home: folder })).toThrow(sentence);
  });

  it('can be made where there are none', () => {
    expect(problemsOf(withKeys('~/.ssh/id_ed25519.pub'))[0]).toContain('ssh-keygen -t ed25519');
  });
});
