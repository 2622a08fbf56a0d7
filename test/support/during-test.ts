import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Agent, type AgentOptions, startAgent } from './agent.ts';
import { type Pins, type PinsOptions, startPins } from './in-private-sysfs.ts';
import { type Listening, listen } from './listener.ts';
import { type BrokerAddress, type Mosquitto, type MosquittoOptions, startMosquitto } from './mosquitto.ts';
import { removeFolder } from './remove-folder.ts';
import { startRelay, type TcpRelay } from './tcp-relay.ts';

/** Parts of a whole bramble for the running test, which are ended and removed when it ends, however it does. */
export const duringTest = {
  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'bramble-e2e-'));
    onTestFinished(() => removeFolder(folder));
    return folder;
  },

  async agent(options: AgentOptions = {}): Promise<Agent> {
    const agent = await startAgent(options);
    onTestFinished(async () => {
      await agent.kill();
      agent.remove();
    });
    return agent;
  },

  async mosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
    const broker = await startMosquitto(options);
    onTestFinished(() => broker.remove());
    return broker;
  },

  async relay(targetPort: number): Promise<TcpRelay> {
    const relay = await startRelay(targetPort);
    onTestFinished(() => relay.close());
    return relay;
  },

  async pins(options: PinsOptions = {}): Promise<Pins> {
    const pins = await startPins(options);
    onTestFinished(() => pins.stop());
    return pins;
  },

  async listener(broker: BrokerAddress, filter: string): Promise<Listening> {
    const listening = await listen(broker, filter);
    onTestFinished(() => listening.stop());
    return listening;
  },
};
