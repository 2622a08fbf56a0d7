import type { ErrorCode } from '../support/errors.ts';
import type { Reply, Request } from './operations.ts';

/** Each is answered by one message, in order. */
export type ToWorker =
  | { readonly do: 'apply'; readonly requests: readonly Request[] }
  | { readonly do: 'close' };

export type FromWorker =
  | { readonly done: 'open' }
  | { readonly done: 'refuse'; readonly code: ErrorCode; readonly message: string }
  | { readonly done: 'apply'; readonly replies: readonly Reply[] }
  | { readonly done: 'close' };
