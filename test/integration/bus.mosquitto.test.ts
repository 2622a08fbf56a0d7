import { afterAll, beforeAll, describe } from 'vitest';
import { busContract } from '../contract/bus-contract.ts';
import { newMqttBus, notAborted, ownPresence } from '../support/bus.ts';
import { hasMosquitto, type Mosquitto, startMosquitto } from '../support/mosquitto.ts';

describe.skipIf(!hasMosquitto)('on Mosquitto (needs the programs mosquitto and mosquitto-clients)', () => {
  const login = { user: 'bramble', password: 'pass word' };
  let broker: Mosquitto;

  beforeAll(async () => {
    broker = await startMosquitto({ login });
  });

  afterAll(async () => {
    await broker?.remove();
  });

  for (const protocol of ['5', '3.1.1'] as const) {
    const isFive = protocol === '5';
    const traits = { carriesProperties: isFive, tellsSubscriptions: isFive, canBeCut: true };
    busContract(`Mosquitto, MQTT ${protocol}`, traits, async () => {
      const address = { url: broker.url, username: login.user, password: login.password, protocol };
      const presence = ownPresence();
      const bus = newMqttBus({ ...address, presence });
      const peer = newMqttBus(address);
      await peer.start(notAborted);
      return {
        bus,
        presence,
        peer,
        connection: { cut: () => broker.kill(), mend: () => broker.start() },
        close: () => peer.stop(),
      };
    });
  }
});
