import { messageOf, toBrambleError } from '../../support/errors.ts';
import { hideCredentials } from '../../support/hide-credentials.ts';
import { type Check, fail, ok, type Verdict } from '../finding.ts';
import { isPortFree } from '../ports.ts';

export interface BrokerSettings {
  /** `embedded`, or the address of a broker. */
  readonly url: string;
  readonly listen: { readonly host: string; readonly port: number };
}

/** Connects as an agent does and leaves again; rejects with BUS_OFFLINE or BUS_REFUSED. */
export type ProbeBroker = (url: string, signal: AbortSignal) => Promise<void>;

export function checkBroker({ url, listen }: BrokerSettings, probe: ProbeBroker): Check {
  return {
    name: 'MQTT broker',
    run: async (signal) => [
      url === 'embedded' ? await embedded(listen, probe, signal) : await external(url, probe, signal),
    ],
  };
}

async function external(url: string, probe: ProbeBroker, signal: AbortSignal): Promise<Verdict> {
  const shown = hideCredentials(url);
  try {
    await probe(url, signal);
    return ok(`${shown} accepts us`);
  } catch (err) {
    const isRefused = toBrambleError(err).code === 'BUS_REFUSED';
    const advice = isRefused
      ? 'correct mqtt.username and mqtt.password, or what the broker allows this user'
      : 'start the broker, or correct mqtt.url; events are kept on disk meanwhile';
    return fail(`${shown}: ${messageOf(err)}`, advice);
  }
}

/** Whoever speaks MQTT on our port is taken for an agent of ours that runs already. */
async function embedded(
  { host, port }: BrokerSettings['listen'],
  probe: ProbeBroker,
  signal: AbortSignal,
): Promise<Verdict> {
  const place = `${host}:${port}`;
  if (await isPortFree(port, host)) return ok(`embedded; ${place} is free for it`);
  try {
    await probe(`mqtt://${place}`, signal);
    return ok(`embedded; a broker listens on ${place} already, as it does when an agent runs`);
  } catch (err) {
    if (toBrambleError(err).code === 'BUS_REFUSED')
      return ok(`embedded; a broker with passwords listens on ${place}`);
    return fail(
      `embedded, but another program listens on ${place}`,
      'stop that program, or set mqtt.listen.port to a free port',
    );
  }
}
