import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig, withoutCluster } from '../../../src/config/file.ts';
import { loadConfig, setAt } from '../../../src/config/load.ts';
import { redact } from '../../../src/config/redact.ts';
import { BrambleError } from '../../../src/support/errors.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bramble-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(text: string): string {
  const file = join(folder, 'bramble.yaml');
  writeFileSync(file, text);
  return file;
}

function problemsOf(run: () => unknown): string[] {
  try {
    run();
  } catch (err) {
    if (err instanceof BrambleError) return [`${err.code}`, ...err.problems.map(({ path }) => path)];
    throw err;
  }
  return [];
}

describe('loadConfig', () => {
  it('fills in every default', () => {
    const { config, file } = loadConfig({ env: {} });
    expect(file).toBeUndefined();
    expect(config.gateway).toMatchObject({ host: '127.0.0.1', port: 8080, user: 'admin' });
    expect(config.mqtt.listen.port).toBe(1883);
    expect(config.roles).toEqual(['sense', 'show', 'serve', 'control']);
  });

  it('lets flags win over the environment, the environment over the file, the file over the base', () => {
    const file = write('gateway: { port: 2000, user: file }\nmotion: { gpio: 5 }\n');
    const { config } = loadConfig({
      base: { gateway: { port: 1000, user: 'base' }, log: { level: 'debug' } },
      file,
      env: { BRAMBLE_GATEWAY__PORT: '3000', BRAMBLE_MOTION__GPIO: '6' },
      overrides: { gateway: { port: 4000 } },
    });
    expect(config.gateway).toMatchObject({ port: 4000, user: 'file' });
    expect(config.motion.gpio).toBe(6);
    expect(config.log.level).toBe('debug');
  });

  it('reads the environment as the types of the schema', () => {
    const { config } = loadConfig({
      env: {
        BRAMBLE_MOTION__ENABLED: 'false',
        BRAMBLE_ROLES: 'sense, show',
        BRAMBLE_CLIMATE__DEAD_BAND_CELSIUS: '0.5',
        BRAMBLE_MQTT__LISTEN__PORT: '0',
      },
    });
    expect(config.motion.enabled).toBe(false);
    expect(config.roles).toEqual(['sense', 'show']);
    expect(config.climate.deadBandCelsius).toBe(0.5);
    expect(config.mqtt.listen.port).toBe(0);
  });

  it('names every problem of all sources at once, each with its path', () => {
    const file = write('gateway: { prot: 1 }\nmotion: { gpio: 99 }\n');
    expect(
      problemsOf(() =>
        loadConfig({ file, env: { BRAMBLE_GATEWAY__PORT: 'high', BRAMBLE_MOTIN__GPIO: '1' } }),
      ).sort(),
    ).toEqual(
      ['BRAMBLE_MOTIN__GPIO', 'CONFIG_INVALID', 'gateway.port', 'gateway.prot', 'motion.gpio'].sort(),
    );
  });

  it('says which file is not there or not YAML', () => {
    expect(() => loadConfig({ file: join(folder, 'none.yaml'), env: {} })).toThrow(/none\.yaml/);
    expect(() => loadConfig({ file: write('a: [1'), env: {} })).toThrow(/is not YAML/);
    expect(() => loadConfig({ file: write('- 1'), env: {} })).toThrow(/map of sections/);
  });

  it('goes without the default file when it is not there', () => {
    expect(loadConfig({ defaultFile: join(folder, 'bramble.yaml'), env: {} }).file).toBeUndefined();
  });

  it('refuses rules broken between keys', () => {
    const overrides = {
      mqtt: { password: 'a', passwordFile: 'b' },
      gauge: { nightFrom: '22:00', dataGpio: 17 },
    };
    expect(problemsOf(() => loadConfig({ env: {}, overrides }))).toEqual([
      'CONFIG_INVALID',
      'mqtt.passwordFile',
      'gauge.nightFrom',
      'motion.gpio',
    ]);
  });

  it('tells no secret in a message', () => {
    const load = (text: string) => () => loadConfig({ file: write(text), env: {} });
    for (const text of [
      'gateway: { password: 4711 }',
      'mqtt: { password: [4711] }',
      'mqtt: { url: "http://me:4711@broker" }',
    ])
      expect(load(text)).toThrow(expect.not.objectContaining({ message: expect.stringContaining('4711') }));
    expect(load('gateway: { password: "" }')).toThrow(/gateway\.password/);
  });

  it('takes no notice of variables that are no part of it', () => {
    const env = {
      BRAMBLE_BUILD: 'abc',
      BRAMBLE_USER: 'me',
      BRAMBLE_WIFI_PASSWORD: 'a',
      BRAMBLE_USER_PASSWORD: 'b',
      BRAMBLE_BACKUP_PASSWORD: 'c',
    };
    expect(() => loadConfig({ env })).not.toThrow();
  });

  it('does not look at how the nodes are made, and keeps it from agents', () => {
    const file = write('cluster: { nodes: [{ nmae: pi-01 }] }\nmotion: { gpio: 5 }\n');
    const { config } = loadConfig({ file, env: {} });
    expect(config.motion.gpio).toBe(5);
    expect(config).not.toHaveProperty('cluster');
  });

  it('lets no variable say how the nodes are made', () => {
    const env = { BRAMBLE_CLUSTER__NAME: 'other', BRAMBLE_CLUSTER__NODES: 'a,b' };
    expect(() => loadConfig({ env })).toThrow(/BRAMBLE_CLUSTER__NAME: .* not a known key/);
    expect(() => loadConfig({ env })).toThrow(/BRAMBLE_CLUSTER__NODES: .* not a known key/);
  });

  it('lets a setting reach nothing but its own tree', () => {
    setAt({}, ['__proto__', 'polluted'], true);
    setAt({}, ['constructor', 'prototype', 'polluted'], true);
    expect('polluted' in {}).toBe(false);
  });

  it('gives a frozen result', () => {
    const { config } = loadConfig({ env: {} });
    expect(Object.isFrozen(config) && Object.isFrozen(config.mqtt.listen)).toBe(true);
  });
});

describe('the file as agents get it', () => {
  const agents = '# mine\nmotion:\n  gpio: 5\n';

  it('has nothing of how the nodes are made, nor a comment that may tell of it', () => {
    const text = withoutCluster(`${agents}# secret place\ncluster:\n  name: hush # secret\n`);
    expect(text).toBe('motion:\n  gpio: 5\n');
  });

  it('is as it was written where there is nothing to leave out', () => {
    expect(withoutCluster(agents)).toBe(agents);
  });
});

describe('the place of a key in its file', () => {
  const { lineOf } = parseConfig(
    'bramble.yaml',
    'motion:\n  gpio: 5\ncluster:\n  nodes:\n    - name: a\n    - name: b\n',
  );

  it.each([
    ['motion.gpio', 2],
    ['motion.missing', 1],
    ['cluster.nodes.1.name', 6],
    ['cluster.nodes.1.role', 6],
    ['cluster.nodes.7', 4],
    ['none', undefined],
  ])('of %s is line %s', (path, line) => {
    expect(lineOf(path)).toBe(line);
  });
});

describe('redact', () => {
  it('hides what the schema marks as secret and credentials in addresses', () => {
    const { config } = loadConfig({
      env: {},
      overrides: { mqtt: { url: 'mqtt://me:hush@broker', password: 'hush' }, gateway: { password: 'hush' } },
    });
    expect(JSON.stringify(redact(config))).not.toContain('hush');
    expect(redact(config)).toMatchObject({
      mqtt: { password: '(hidden)', url: 'mqtt://(hidden)@broker' },
      gateway: { port: 8080 },
    });
    const odd = loadConfig({ env: {}, overrides: { mqtt: { url: 'mqtt://me:hu@sh/hush@broker' } } });
    expect(redact(odd.config)).toMatchObject({ mqtt: { url: 'mqtt://(hidden)@broker' } });
  });
});
