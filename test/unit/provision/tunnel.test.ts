import { describe, expect, it } from 'vitest';
import { MemoryRemote } from '../../../provision/remote/remote.memory.ts';
import { parseTunnelState, scanFromNode } from '../../../provision/tunnel/tunnel.ts';
import { renderAuthorizedKey, renderTunnelUnit, type TunnelHost } from '../../../provision/tunnel/unit.ts';

const host: TunnelHost = { user: 'me', host: 'host.example', port: 2222 };
const options = { host, remotePort: 18_080, gatewayPort: 8080 };

describe('the tunnel', () => {
  it('leads from the loopback of the host to that of the node, and trusts the pinned key alone', () => {
    const [command = ''] = /^ExecStart=.*$/m.exec(renderTunnelUnit(options)) ?? [];
    expect(command).toContain('-R 127.0.0.1:18080:127.0.0.1:8080 -p 2222 -l me host.example');
    for (const part of [
      'StrictHostKeyChecking=yes',
      'GlobalKnownHostsFile=/dev/null',
      'ExitOnForwardFailure=yes',
    ])
      expect(command).toContain(` -o ${part} `);
  });

  it.each(['a b', '%h', '"', '$(id)', "'", 'a\nExecStart=/bin/true'])(
    'is not opened to a host called %j',
    (name) => {
      expect(() => renderTunnelUnit({ ...options, host: { ...host, host: name } })).toThrow(TypeError);
    },
  );

  it('asks the host for nothing but one port', () => {
    expect(renderAuthorizedKey('ssh-ed25519 AAAA bramble-tunnel@pi-01', 18_080)).toBe(
      'restrict,port-forwarding,permitlisten="127.0.0.1:18080",permitopen="127.0.0.1:1",command="/bin/false" ssh-ed25519 AAAA bramble-tunnel@pi-01',
    );
  });

  it('says whether it is there, and what keeps it from being', () => {
    const lines = (active: string, sub: string) =>
      `Description=x\nActiveState=${active}\nSubState=${sub}\nLastWords=me@host: Permission denied (a=b)\n`;
    expect(parseTunnelState('')).toMatchObject({ state: 'not installed' });
    expect(parseTunnelState(lines('active', 'running'))).toMatchObject({ state: 'connected', lastWords: '' });
    expect(parseTunnelState(lines('inactive', 'dead'))).toMatchObject({ state: 'stopped' });
    expect(parseTunnelState(lines('activating', 'start'))).toMatchObject({
      state: 'connecting',
      hasFailed: false,
    });
    expect(parseTunnelState(lines('activating', 'auto-restart'))).toMatchObject({
      ...{ state: 'connecting', hasFailed: true, description: 'x' },
      lastWords: 'me@host: Permission denied (a=b)',
    });
  });

  it('asks for the key that the node is shown, the best one where there are several', async () => {
    const scan = (stdout: string) => {
      const remote = new MemoryRemote('pi-01', {
        run: async () => ({ status: 0, stdout, stderr: 'timeout\n' }),
        serve: () => {},
      });
      return scanFromNode(remote, host, new AbortController());
    };
    const [rsa, ed25519] = ['[host.example]:2222 ssh-rsa QUFB', '[host.example]:2222 ssh-ed25519 QkJC'];
    expect(await scan(`# host\n${rsa}\n${ed25519}\n`)).toMatchObject({ publicKey: 'ssh-ed25519 QkJC' });
    expect(await scan(`${rsa}\n`)).toMatchObject({ publicKey: 'ssh-rsa QUFB' });
    await expect(scan('')).rejects.toThrow(
      /pi-01 does not reach an SSH server at host.example:2222.*timeout/,
    );
  });
});
