import { BrambleError, type ErrorCode, errorTable, type Problem } from '../support/errors.ts';
import { fieldOf, listOf, parseJson, textOf } from './json.ts';

/** What a refusal of another OpenFaaS gateway means, which knows none of our codes. */
const codeByStatus: Readonly<Record<number, ErrorCode>> = {
  400: 'INVALID',
  401: 'UNAUTHORIZED',
  403: 'UNAUTHORIZED',
  404: 'NOT_FOUND',
  405: 'UNSUPPORTED',
  409: 'CONFLICT',
  413: 'BODY_TOO_LARGE',
  422: 'INVALID',
  429: 'BUSY',
  499: 'CANCELLED',
  501: 'UNSUPPORTED',
  502: 'UNREACHABLE',
  503: 'UNREACHABLE',
  504: 'UNREACHABLE',
  507: 'STORE_FULL',
};

export interface Refusal {
  readonly status: number;
  /** Our gateway's `x-bramble-error`. */
  readonly code?: string | undefined;
  readonly body: string;
  /** What was asked, for a gateway that says nothing. */
  readonly what: string;
}

/** The error that the gateway reported, with its own code, message and problems where it gives them. */
export function errorFromAnswer({ status, body, what, ...answer }: Refusal): BrambleError {
  const reported = parseJson(body);
  const error = fieldOf(reported, 'error');
  const named = answer.code ?? textOf(error, 'code');
  const code = isErrorCode(named) ? named : (codeByStatus[status] ?? 'INTERNAL');
  const said = textOf(error, 'message') || (reported === undefined ? body.trim() : '');
  return new BrambleError(code, complete(said, { code, status, what }), { problems: problemsOf(error) });
}

function complete(
  said: string,
  { code, status, what }: Pick<Refusal, 'status' | 'what'> & { code: ErrorCode },
): string {
  if (said === '') return `${what} was answered with status ${status}`;
  return code === 'INTERNAL' ? `${what} failed in the gateway: ${said}; its log may tell more` : said;
}

function problemsOf(error: unknown): Problem[] {
  return listOf(error, 'problems').map((one) => ({
    path: textOf(one, 'path'),
    message: textOf(one, 'message'),
  }));
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorTable, text);
}
