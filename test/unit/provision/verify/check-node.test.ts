import { describe, expect, it } from 'vitest';
import type { AgentDoor, GatewayAnswer, GatewayCall } from '../../../../provision/verify/agent-door.ts';
import { callFunction, seeSignsOfLife } from '../../../../provision/verify/check-node.ts';
import { loadConfig } from '../../../../src/config/load.ts';
import { topics } from '../../../../src/events/topics.ts';
import { systemClock } from '../../../../src/support/clock.system.ts';

const gateways = ['http://192.168.1.21:8080', 'http://192.168.1.22:8080'];
/** Time goes by with every look, and nobody waits. */
function hastyClock() {
  let nowMs = 0;
  return {
    ...systemClock,
    monotonicMs: () => (nowMs += 10_000),
    after: (_: number, run: () => void) => systemClock.after(0, run),
  };
}
const options = () => ({
  node: { name: 'pi-01', hardware: [] },
  image: 'registry:5000/bramble:1',
  functionName: 'bramble-check-1',
  gateways,
  topics,
  config: loadConfig({ env: {} }).config,
  clock: hastyClock(),
  signal: new AbortController().signal,
});

/** Gateways as one would want them, but for what `say` answers otherwise. */
function doorOf(say: (call: GatewayCall) => GatewayAnswer | undefined): AgentDoor & { asked: string[] } {
  const asked: string[] = [];
  let word = '';
  return {
    asked,
    ask: async (call) => {
      asked.push(`${call.method} ${call.url.replace(/^http:../, '')}`);
      if (call.method === 'POST') word = /end\('([-0-9a-f]+)'/.exec(JSON.stringify(call.body))?.[1] ?? '';
      const answer = say(call);
      if (answer !== undefined) return answer;
      return call.method === 'GET' ? { status: 200, body: word } : { status: 202, body: '' };
    },
  };
}

describe('a function of a node', () => {
  it('is deployed, called through every gateway, and removed', async () => {
    const door = doorOf(() => undefined);
    await callFunction(door, options());
    expect(door.asked).toEqual([
      'DELETE 127.0.0.1:8080/system/functions',
      'POST 127.0.0.1:8080/system/functions',
      'GET 192.168.1.21:8080/function/bramble-check-1',
      'GET 192.168.1.22:8080/function/bramble-check-1',
      'DELETE 127.0.0.1:8080/system/functions',
    ]);
  });

  it('is waited for until a gateway has heard of it', async () => {
    let asked = 0;
    const door = doorOf(({ method }) => {
      if (method === 'GET') asked += 1;
      return asked < 5 && method === 'GET' ? { status: 404, body: 'no function' } : undefined;
    });
    await callFunction(door, options());
    expect(asked).toBeGreaterThan(5);
  });

  it('is removed also when a gateway never answers, which is said with its last answer', async () => {
    const door = doorOf(({ url }) =>
      url.startsWith('http://192.168.1.22') ? { status: 0, body: 'connection refused' } : undefined,
    );
    await expect(callFunction(door, options())).rejects.toThrow(
      'pi-01: a function on it is not answered for at http://192.168.1.22:8080: connection refused',
    );
    expect(door.asked.at(-1)).toBe('DELETE 127.0.0.1:8080/system/functions');
  });

  it('is told apart from another that has its name', async () => {
    const door = doorOf(({ method }) => (method === 'GET' ? { status: 200, body: 'other' } : undefined));
    await expect(callFunction(door, options())).rejects.toMatchObject({ code: 'FUNCTION_UNREADY' });
  });

  it('that is refused is said with the reason', async () => {
    const door = doorOf(({ method }) =>
      method === 'POST' ? { status: 503, body: 'no manager of the Swarm can be reached' } : undefined,
    );
    await expect(callFunction(door, options())).rejects.toThrow('status 503, no manager');
  });
});

describe('signs of life', () => {
  const online = [
    { topic: 'bramble/pi-01/status', data: 'online' },
    { topic: 'bramble/pi-01/load', data: {} },
  ];
  const stream = (messages: object[]) => messages.map((one) => `data: ${JSON.stringify(one)}\n\n`).join('');

  it('are looked for until all are seen', async () => {
    let looks = 0;
    const door = doorOf(() => {
      looks += 1;
      return { status: 200, body: stream(online.slice(0, looks)) };
    });
    await seeSignsOfLife(door, options());
    expect(looks).toBe(2);
    expect(door.asked[0]).toBe('GET 127.0.0.1:8080/bramble/events?filter=bramble%2Fpi-01%2F%23');
  });

  it('that are missing are named', async () => {
    const door = doorOf(() => ({ status: 200, body: '' }));
    await expect(seeSignsOfLife(door, options())).rejects.toThrow(
      'pi-01 does not say that it is online, nor tell its load',
    );
    const refused = doorOf(() => ({ status: 401, body: 'unauthorized' }));
    await expect(seeSignsOfLife(refused, options())).rejects.toThrow('status 401, unauthorized');
  });
});
