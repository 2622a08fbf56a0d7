import { describe, expect, it } from 'vitest';
import { parseSince } from '../../../src/cli/commands/logs.ts';
import { runInProcess } from '../../support/cli-context.ts';

describe('bramble dev and agent', () => {
  it('hand their flags over as a tree shaped like the configuration', async () => {
    const argv = [
      'agent',
      '-c',
      'my.yaml',
      '--node',
      'pi-01',
      '--port',
      '9090',
      '--mqtt-url',
      'mqtt://b',
      '--data-dir',
      '/d',
    ];
    const { exit, agents } = await runInProcess(argv);
    expect(exit).toBe(0);
    expect(agents).toEqual([
      {
        isDemo: false,
        configFile: 'my.yaml',
        overrides: {
          node: { name: 'pi-01' },
          gateway: { port: 9090 },
          mqtt: { url: 'mqtt://b' },
          dataDir: '/d',
        },
      },
    ]);
  });

  it('read --set as the type that the configuration asks for', async () => {
    const argv = [
      'dev',
      '--set',
      'motion.debounceMs=20',
      '--set',
      'motion.activeLow=true',
      '--set',
      'node.name=20',
      '--set',
      'roles=sense,show',
    ];
    const { agents } = await runInProcess(argv);
    expect(agents[0]).toEqual({
      isDemo: true,
      overrides: {
        motion: { debounceMs: 20, activeLow: true },
        node: { name: '20' },
        roles: ['sense', 'show'],
      },
    });
  });

  it('let a named flag win over --set', async () => {
    const { agents } = await runInProcess(['dev', '--port', '2', '--set', 'gateway.port=1']);
    expect(agents[0]?.overrides).toEqual({ gateway: { port: 2 } });
  });

  it('take the configuration file that the environment names', async () => {
    const { agents } = await runInProcess(['agent'], { env: { BRAMBLE_CONFIG: '/etc/bramble.yaml' } });
    expect(agents[0]?.configFile).toBe('/etc/bramble.yaml');
  });

  it('end with the exit status of the agent', async () => {
    expect((await runInProcess(['agent'], { agentExit: 10 })).exit).toBe(10);
  });

  it('refuse a --set that sets nothing', async () => {
    const { exit, stderr, agents } = await runInProcess(['dev', '--set', 'port']);
    expect({ exit, agents }).toEqual({ exit: 2, agents: [] });
    expect(stderr).toContain('--set takes key=value');
  });
});

describe('a mistake on the command line', () => {
  it.each([
    ['an unknown command', ['lst'], /unknown command 'lst' \(Did you mean .*list.*\); see bramble --help/],
    [
      'an unknown option',
      ['list', '--jsn'],
      /unknown option '--jsn' \(Did you mean --json\?\); see bramble list --help/,
    ],
    [
      'a missing argument',
      ['secret', 'create'],
      /missing required argument 'name'; see bramble secret create --help/,
    ],
    ['an argument too many', ['rm', 'a', '-f', 'x', '-g'], /argument missing; see bramble remove --help/],
    ['a number that is none', ['scale', 'echo', 'many'], /whole number from 0.*see bramble scale --help/],
    ['two sources of a body', ['invoke', 'echo', '--data', 'a', '--file', 'b'], /cannot be used with/],
    ['a header without a name', ['invoke', 'echo', '-H', 'nothing'], /"name: value"/],
    [
      'a time that is none',
      ['logs', 'echo', '--since', 'yesterday-ish'],
      /a duration such as 10m, or a time/,
    ],
    ['a callback without a later', ['invoke', 'echo', '--callback', 'http://x'], /--callback needs --async/],
    ['nothing to remove', ['remove'], /name the functions to remove/],
    ['no dead letter named', ['dead-letters', 'purge'], /say which dead letters/],
    ['dead letters named twice', ['dead-letters', 'replay', '1', '--all'], /say which dead letters/],
    ['dead letter zero', ['dead-letters', 'show', '0'], /number of a dead letter/],
    ['degrees that are none', ['simulate', 'celsius', 'warm'], /must be a number/],
  ])('%s is one sentence and exit status 2', async (_name, argv, message) => {
    const { exit, stdout, stderr } = await runInProcess(argv);
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('is JSON with --json', async () => {
    const { exit, stderr } = await runInProcess(['scale', 'echo', 'many', '--json']);
    expect(exit).toBe(2);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'INVALID', problems: [] } });
  });

  it('does not take --json behind -- for an option', async () => {
    const { stderr } = await runInProcess(['scale', 'echo', '--', '--json']);
    expect(stderr).toMatch(/^bramble: /);
  });

  it('of no command at all shows the help on standard error', async () => {
    const { exit, stdout, stderr } = await runInProcess([]);
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
    expect(stderr).toContain('Usage: bramble');
  });
});

describe('parseSince', () => {
  const nowMs = Date.parse('2026-05-01T12:00:00Z');

  it.each([
    ['10m', '2026-05-01T11:50:00.000Z'],
    ['1h30m', '2026-05-01T10:30:00.000Z'],
    ['2026-05-01T11:00:00Z', '2026-05-01T11:00:00.000Z'],
  ])('reads %s', (text, since) => {
    expect(parseSince(text, nowMs)).toBe(since);
  });
});

describe('secret create', () => {
  it('names the variable that is not set', async () => {
    const { exit, stderr } = await runInProcess(['secret', 'create', 'key', '--from-env', 'NO_SUCH']);
    expect(exit).toBe(2);
    expect(stderr).toContain('NO_SUCH is not set');
  });

  it('cannot read password and value both from standard input', async () => {
    const { exit, stderr } = await runInProcess(['secret', 'create', 'key', '--password-stdin'], {
      stdin: 'x',
    });
    expect(exit).toBe(2);
    expect(stderr).toContain('standard input cannot be both');
  });
});

describe('bramble config', () => {
  it('prints the configuration with secrets hidden', async () => {
    const env = { BRAMBLE_GATEWAY__PASSWORD: 'hush' };
    const { exit, stdout } = await runInProcess(['config', '--json', '--set', 'motion.gpio=4'], { env });
    expect(exit).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ gateway: { password: '(hidden)' }, motion: { gpio: 4 } });
  });

  it('prints a JSON Schema', async () => {
    const { stdout } = await runInProcess(['config', '--schema']);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'object', properties: { mqtt: { type: 'object' } } });
  });

  it('tells every problem of a configuration that cannot be used', async () => {
    const argv = ['config', '--json', '--set', 'motion.gpio=99', '--set', 'no.such=1'];
    const { exit, stderr } = await runInProcess(argv);
    expect(exit).toBe(2);
    const { error } = JSON.parse(stderr);
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.problems.map(({ path }: { path: string }) => path).sort()).toEqual(['motion.gpio', 'no']);
  });
});
