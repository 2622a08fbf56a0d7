import { describe, expect, it } from 'vitest';
import { renderStack, type StackOptions } from '../../../provision/stack.ts';
import { loadConfig } from '../../../src/config/load.ts';

const parts = {
  gatewayPassword: 'bramble_gateway-password-1',
  brokerPassword: 'bramble_broker-password-1',
  brokerUsers: 'bramble_broker-users-1',
  brokerConfig: 'bramble_mosquitto.conf-1',
  brokerAccess: 'bramble_mosquitto.acl-1',
};
const options: StackOptions = {
  name: 'bramble',
  image: 'registry.local:5000/bramble:0.1.0',
  brokerImage: 'eclipse-mosquitto:2.0.22',
  gatewayPort: 8080,
  brokerPort: 1883,
  dockerSocket: '/var/run/docker.sock',
  parts,
};

interface Service {
  readonly image: string;
  readonly environment: Record<string, string>;
  readonly hostname: string;
  readonly ports?: readonly { target: number; published: number; mode: string }[];
  readonly volumes: readonly { type: string; source: string; target: string }[];
  readonly secrets: readonly { source: string; uid: string; mode: number }[];
  readonly configs?: readonly { source: string; target: string }[];
  readonly deploy: { mode?: string; endpoint_mode: string; placement?: { constraints: string[] } };
}

function servicesOf(given: Partial<StackOptions> = {}): Record<'agent' | 'control' | 'mosquitto', Service> {
  return renderStack({ ...options, ...given }).services as Record<'agent' | 'control' | 'mosquitto', Service>;
}

describe('the stack', () => {
  it('is what it was when somebody last looked at it', () => {
    expect(renderStack({ ...options, mtu: 1400 })).toMatchSnapshot();
  });

  it('gives the Docker socket to control alone, and publishes no port of control', () => {
    const { agent, control, mosquitto } = servicesOf();
    const hasSocket = ({ volumes }: Service) => volumes.some(({ target }) => target.endsWith('docker.sock'));
    expect([agent, control, mosquitto].map(hasSocket)).toEqual([false, true, false]);
    expect(control.ports).toBeUndefined();
    expect(control.deploy.placement?.constraints).toEqual(['node.role == manager']);
  });

  it('needs neither virtual addresses nor the routing mesh', () => {
    const services = Object.values(servicesOf());
    expect(services.map(({ deploy }) => deploy.endpoint_mode)).toEqual(['dnsrr', 'dnsrr', 'dnsrr']);
    expect(services.flatMap(({ ports = [] }) => ports.map(({ mode }) => mode))).toEqual(['host', 'host']);
  });

  it('sets only what the configuration knows, and carries no password in it', () => {
    const { agent, control } = servicesOf();
    for (const { environment } of [agent, control]) {
      expect(() => loadConfig({ env: environment })).not.toThrow();
      expect(Object.keys(environment).filter((name) => /PASSWORD$/.test(name))).toEqual([]);
    }
  });

  it('names agent and control of one node differently, for one of the two would throw the other off the broker', () => {
    const { agent, control } = servicesOf();
    expect(agent.hostname).not.toBe(control.hostname);
  });

  it('shows secrets to the user of their service only', () => {
    const { agent, mosquitto } = servicesOf();
    expect(agent.secrets.every(({ uid, mode }) => uid === '0' && mode === 0o400)).toBe(true);
    expect(mosquitto.secrets).toEqual([
      { source: 'broker-users', target: 'broker-users', uid: '1883', gid: '0', mode: 0o400 },
    ]);
  });

  it('serves the broker with TLS where it has a certificate, beside plain MQTT that stays in the overlay network', () => {
    const { mosquitto } = servicesOf({
      brokerPort: 8883,
      parts: { ...parts, brokerCertificate: 'certificate', brokerKey: 'key' },
    });
    expect(mosquitto.ports).toEqual([{ target: 8883, published: 8883, mode: 'host' }]);
    expect(mosquitto.secrets.map(({ source }) => source)).toContain('broker-key');
  });

  it('gives agents their configuration file where there is one', () => {
    const { agent } = servicesOf({ parts: { ...parts, agentConfig: 'bramble_bramble.yaml-1' } });
    expect(agent.configs?.[0]?.target).toBe(agent.environment.BRAMBLE_CONFIG);
  });

  it('of another name keeps its services, network and secrets apart', () => {
    const { agent } = servicesOf({ name: 'lab' });
    expect(agent.environment.BRAMBLE_MQTT__URL).toBe('mqtt://lab_mosquitto:1883');
    expect(renderStack({ ...options, name: 'lab' }).networks).toMatchObject({ bramble: { name: 'lab' } });
  });
});
