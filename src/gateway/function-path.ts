import { BrambleError } from '../support/errors.ts';

/** The namespace that OpenFaaS clients name when the user names none. Ours is the only one and has no other name. */
export const namespace = 'openfaas-fn';

export function isOurNamespace(name: string | undefined): boolean {
  return name === undefined || name === '' || name === namespace;
}

/** `NAME` of `NAME` or `NAME.<our namespace>`: function names have no dots. Throws FUNCTION_NOT_FOUND for others. */
export function plainName(qualified: string): string {
  const dot = qualified.lastIndexOf('.');
  if (dot === -1) return qualified;
  const name = qualified.slice(0, dot);
  if (!isOurNamespace(qualified.slice(dot + 1)))
    throw new BrambleError(
      'FUNCTION_NOT_FOUND',
      `no function ${qualified}: the only namespace here is ${namespace}`,
    );
  return name;
}

export interface FunctionPath {
  readonly name: string;
  /** Below the function, raw, starting with `/`. */
  readonly path: string;
  /** Raw, without `?`. */
  readonly query: string;
}

/** Splits the raw URL of a call, `…/function/NAME/rest?query`; rest and query reach the function as they were sent. */
export function parseFunctionPath(url: string, prefix: '/function/' | '/async-function/'): FunctionPath {
  const below = url.slice(url.indexOf(prefix) + prefix.length);
  const mark = below.indexOf('?');
  const path = mark === -1 ? below : below.slice(0, mark);
  const slash = path.indexOf('/');
  return {
    name: plainName(decode(slash === -1 ? path : path.slice(0, slash))),
    path: slash === -1 ? '/' : path.slice(slash),
    query: mark === -1 ? '' : below.slice(mark + 1),
  };
}

function decode(text: string): string {
  return text.includes('%') ? decodeURIComponent(text) : text; // the router refused bad escapes before
}
