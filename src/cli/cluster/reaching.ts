import { openRemotes } from '../../../provision/up/connect.ts';
import { systemClock } from '../../support/clock.system.ts';
import type { Clock } from '../../support/clock.ts';

/** How commands reach nodes; a test puts others in the place of these. */
export interface Reaching {
  readonly openRemotes: typeof openRemotes;
  readonly clock: Clock;
}

export const realReaching: Reaching = { openRemotes, clock: systemClock };
