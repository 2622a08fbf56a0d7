import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import type { Static, TSchema } from 'typebox';
import { BrambleError, type ErrorCode, type Problem } from './errors.ts';
import { hideCredentials } from './hide-credentials.ts';

/**
 * The one place where data from outside is compared with a TypeBox schema: configuration, HTTP bodies, events, stack
 * files. Defaults are filled in; unknown keys are errors where the schema says `additionalProperties: false`; a value
 * that the schema calls `secret` is in no message. `patternErrorMessage` says what a pattern means: here, and in editors.
 */
const ajv = new Ajv({
  allErrors: true,
  useDefaults: true,
  strict: false,
  verbose: true,
  // The schemas are our own: to check them as well, and to polish the code, would cost the start 20 ms and 2 MB.
  meta: false,
  validateSchema: false,
  code: { optimize: false },
});
addFormats.default(ajv);
const compiled = new WeakMap<object, ValidateFunction>();

export interface CheckOptions {
  /** Error code to throw with; INVALID unless told. */
  readonly code?: ErrorCode;
  /** What is being checked, for the message: `bramble.yaml`, `request body`. */
  readonly what: string;
}

/** Returns `value` typed (the same object, defaults filled in) or throws with every problem listed. */
export function check<Schema extends TSchema>(
  schema: Schema,
  value: unknown,
  options: CheckOptions,
): Static<Schema> {
  const problems = findProblems(schema, value);
  if (problems.length > 0) throw invalid(problems, options);
  return value as Static<Schema>; // checked by the validator in the line above
}

export function findProblems(schema: TSchema, value: unknown): Problem[] {
  let validate = compiled.get(schema);
  if (validate === undefined) {
    validate = ajv.compile(schema);
    compiled.set(schema, validate);
  }
  return validate(value) ? [] : toProblems(validate.errors ?? []);
}

export function invalid(
  problems: readonly Problem[],
  { what, code = 'INVALID' }: CheckOptions,
): BrambleError {
  const lines = problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  return new BrambleError(code, `${what} is not valid: ${lines.join('; ')}`, { problems });
}

/** A long list with a thousand wrong items needs no thousand sentences. */
const maxProblems = 50;

function toProblems(all: ErrorObject[]): Problem[] {
  const errors = all.slice(0, maxProblems);
  const problems = errors.filter(({ keyword }) => keyword !== 'anyOf' && keyword !== 'if').map(toProblem);
  const found = problems.length > 0 ? problems : errors.map(toProblem);
  return found.filter(
    (one, i) => found.findIndex((o) => o.path === one.path && o.message === one.message) === i,
  );
}

function toProblem({ instancePath, keyword, params, message, data, parentSchema }: ErrorObject): Problem {
  const path = instancePath.slice(1).replaceAll('/', '.').replaceAll('~1', '/').replaceAll('~0', '~');
  const below = (key: string) => (path === '' ? key : `${path}.${key}`);
  switch (keyword) {
    case 'required':
      return { path: below(String(params.missingProperty)), message: 'is required' };
    case 'additionalProperties':
      return { path: below(String(params.additionalProperty)), message: 'is not a known key' };
    case 'enum':
      return { path, message: `must be one of ${params.allowedValues.join(', ')}, not ${show(data)}` };
    case 'const':
      return { path, message: `must be ${show(params.allowedValue)}, not ${show(data)}` };
    default: {
      const rule = (keyword === 'pattern' && parentSchema?.patternErrorMessage) || (message ?? keyword);
      return { path, message: parentSchema?.secret ? rule : `${rule}, not ${show(data)}` };
    }
  }
}

function show(data: unknown): string {
  const text = hideCredentials(stringify(data));
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function stringify(data: unknown): string {
  try {
    return JSON.stringify(data) ?? String(data);
  } catch {
    return 'a value nested too deeply'; // parsed without recursion, but not written without
  }
}
