import { parentPort, workerData } from 'node:worker_threads';
import { toBrambleError } from '../support/errors.ts';
import { openEngine } from './engine.ts';
import type { FromWorker, ToWorker } from './worker-messages.ts';

/** The thread that owns the database: SQLite waits for the disk here, so that the agent's event loop does not. */
const { file }: { file: string } = workerData;
const port = parentPort;
if (port === null) throw new TypeError('this is the store’s worker thread; it is not started by itself');

const post = (message: FromWorker) => port.postMessage(message);

try {
  const engine = openEngine(file);
  port.on('message', (message: ToWorker) => {
    if (message.do === 'apply') return post({ done: 'apply', replies: engine.applyBatch(message.requests) });
    engine.close();
    post({ done: 'close' });
    port.close();
  });
  post({ done: 'open' });
} catch (err) {
  const { code, message } = toBrambleError(err);
  post({ done: 'refuse', code, message });
}
