import { connect } from 'node:net';
import { systemCode } from '../../support/errors.ts';

/** In an overlay network on a busy Pi a connection takes some milliseconds; a lost packet is sent again after 1 s. */
const limitMs = 1_500;

/** `refused`: the replica is there and does not listen yet. `unknown`: it cannot be reached from here. */
export type ProbeResult = 'listening' | 'refused' | 'unknown';
export type Probe = (address: string) => Promise<ProbeResult>;

/** Tries to connect to `host:port`. Never rejects. */
export const probePort: Probe = (address) =>
  new Promise((resolve) => {
    const [host = '', port = ''] = address.split(':');
    const socket = connect({ host, port: Number(port), timeout: limitMs });
    const end = (result: ProbeResult) => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => end('listening'));
    socket.once('timeout', () => end('unknown'));
    socket.once('error', (err) => end(systemCode(err) === 'ECONNREFUSED' ? 'refused' : 'unknown'));
  });
