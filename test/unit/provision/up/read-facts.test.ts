import { describe, expect, it } from 'vitest';
import { parseFacts } from '../../../../provision/up/read-facts.ts';

/** What `docker info` of Docker 20.10 on a manager says, of the parts that are read and of their neighbours. */
const info = {
  ID: '4EIO:4PI5:G6YZ:Q32A:DUEV:X6T2:7HWR:7L6V:V5Y3:B5I2:X2H5:ZNCB',
  Driver: 'overlay2',
  MemoryLimit: true,
  RegistryConfig: {
    InsecureRegistryCIDRs: ['127.0.0.0/8'],
    IndexConfigs: {
      'docker.io': { Name: 'docker.io', Mirrors: [], Secure: true, Official: true },
      '10.77.100.11:5000': { Name: '10.77.100.11:5000', Mirrors: [], Secure: false, Official: false },
    },
    Mirrors: [],
  },
  ServerVersion: '20.10.24+dfsg1',
  Swarm: {
    NodeID: 'i6n8enz2jknblfe8xrbgunhns',
    NodeAddr: '10.77.100.11',
    LocalNodeState: 'active',
    ControlAvailable: true,
    Error: '',
    RemoteManagers: [{ NodeID: 'i6n8enz2jknblfe8xrbgunhns', Addr: '10.77.100.11:2377' }],
    Cluster: { ID: 'x2xrpbegohutwqpga5v18eqnf', Version: { Index: 10 } },
  },
};

/** What it says where the daemon does not answer. */
const silent = {
  ServerErrors: [
    'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
  ],
  ClientInfo: { Debug: false, Context: 'default', Plugins: [], Warnings: null },
};

const fresh = [
  'clockMs\t1795369429431',
  'architecture\tarm64',
  'osId\tdebian',
  'codename\tbookworm',
  'prettyName\tDebian GNU/Linux 12 (bookworm)',
  'model\tRaspberry Pi 4 Model B Rev 1.4',
  'hostName\tpi-01',
  'address\t10.77.100.11',
  'memoryKilobytes\t3884084',
  'diskUsedKilobytes\t3514628',
  'diskFreeKilobytes\t26485372',
  'cgroup\tmemory',
  'bootId\t6e1d5e1f-5296-4fc7-83b9-2cb300385b53',
  'flashId\t0199f3c2',
  'hardware\tds18b20',
  'hardware\tds18b20',
  'hardware\tgpio',
];

function parse(lines: readonly string[], sentMs = 1795369429400, receivedMs = 1795369429800) {
  return parseFacts([...lines, 'end\t.', ''].join('\n'), { name: 'pi-01', sentMs, receivedMs });
}

describe('what a node says of itself', () => {
  it('is read from one text', () => {
    expect(parse(fresh)).toEqual({
      architecture: 'arm64',
      os: { id: 'debian', codename: 'bookworm', prettyName: 'Debian GNU/Linux 12 (bookworm)' },
      model: 'Raspberry Pi 4 Model B Rev 1.4',
      hostName: 'pi-01',
      addresses: ['10.77.100.11'],
      memoryBytes: 3_977_302_016,
      diskUsedBytes: 3_598_979_072,
      diskFreeBytes: 27_121_020_928,
      hasMemoryCgroup: true,
      clockOffsetMs: 0,
      bootId: '6e1d5e1f-5296-4fc7-83b9-2cb300385b53',
      flashId: '0199f3c2',
      hardware: ['ds18b20', 'gpio'],
      docker: undefined,
      images: [],
      registry: { served: undefined, trusted: {} },
    });
  });

  it('leaves out what a machine has not', () => {
    const lines = fresh.filter((line) => !/^(model|cgroup|flashId|hardware)\t/.test(line));
    expect(parse(lines)).toMatchObject({
      model: '',
      hasMemoryCgroup: false,
      flashId: undefined,
      hardware: [],
    });
  });

  it('counts a clock as off only by what the way there and back does not explain', () => {
    expect(parse(fresh, 1795369420000, 1795369429430).clockOffsetMs).toBe(1);
    expect(parse(fresh, 1795369429531, 1795369429800).clockOffsetMs).toBe(-100);
  });

  it('knows a manager and the registries that it trusts blindly', () => {
    const docker = ['dockerVersion\t20.10.24+dfsg1', `dockerInfo\t${JSON.stringify(info)}`];
    expect(parse([...fresh, ...docker]).docker).toEqual({
      version: '20.10.24+dfsg1',
      isRunning: true,
      insecureRegistries: ['10.77.100.11:5000'],
      swarm: {
        state: 'active',
        nodeId: 'i6n8enz2jknblfe8xrbgunhns',
        clusterId: 'x2xrpbegohutwqpga5v18eqnf',
        isManager: true,
        address: '10.77.100.11',
      },
    });
  });

  it.each([
    ['says so', [`dockerInfo\t${JSON.stringify(silent)}`]],
    ['says nothing', []],
  ])('tells Docker that is installed but does not run, where it %s', (_, lines) => {
    expect(parse([...fresh, 'dockerVersion\t20.10.24+dfsg1', ...lines]).docker).toMatchObject({
      version: '20.10.24+dfsg1',
      isRunning: false,
      insecureRegistries: [],
      swarm: { state: 'inactive', isManager: false },
    });
  });

  it.each([
    ['docker.io 20.10.24+dfsg1-1 install', { source: 'debian', version: '20.10.24+dfsg1-1', isHeld: false }],
    [
      'docker-ce 5:27.3.1-1~debian.12~bookworm hold',
      { source: 'docker', version: '5:27.3.1-1~debian.12~bookworm', isHeld: true },
    ],
  ])('tells from where Docker came: %s', (line, expected) => {
    const lines = ['dockerVersion\t27.3.1', `dockerPackage\t${line}`];
    expect(parse([...fresh, ...lines]).docker?.package).toEqual(expected);
    expect(parse([...fresh, 'dockerVersion\t27.3.1']).docker?.package).toBeUndefined();
  });

  it('is an error where the text ends too early, or no Debian answers', () => {
    expect(() => parseFacts(fresh.join('\n'), { name: 'pi-01', sentMs: 0, receivedMs: 0 })).toThrow(
      /pi-01 is no Debian/,
    );
    expect(() => parse(fresh.filter((line) => !line.startsWith('architecture')))).toThrow(
      /pi-01 is no Debian/,
    );
  });
});
