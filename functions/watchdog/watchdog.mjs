// The HTTP server in a function's image: a handler in this process, or, with `fprocess`, one process per request.
import { call, loadHandler } from '../runtimes/node/handler.mjs';
import { createFork } from './fork.mjs';
import { serve } from './serve.mjs';

const { fprocess = '' } = process.env;
serve(fprocess === '' ? await inProcess() : createFork(fprocess, process.env));

async function inProcess() {
  const handle = await loadHandler(process.cwd());
  return {
    run: (head, body) => call(handle, head, body),
    late: { status: 504, text: 'The function did not answer within exec_timeout.\n' },
  };
}
