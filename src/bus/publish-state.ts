import { toBrambleError } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import type { Bus, Outgoing } from './bus.ts';

/**
 * Publishes, retained, a state that its owner publishes again with each connection: having none now is no failure.
 * Anything else that goes wrong is logged. Never rejects.
 */
export async function publishState(
  bus: Pick<Bus, 'publish' | 'state'>,
  log: Log,
  message: Omit<Outgoing, 'retain'>,
): Promise<void> {
  if (bus.state === 'offline') return;
  try {
    await bus.publish({ ...message, retain: true });
  } catch (err) {
    if (toBrambleError(err).code === 'BUS_OFFLINE') return;
    log.warn({ err, topic: message.topic }, 'state could not be published');
  }
}
