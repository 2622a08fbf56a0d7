import { Type } from 'typebox';
import { matches } from '../events/topics.ts';
import type { Problem } from '../support/errors.ts';
import { check, invalid } from '../support/schema.ts';

/** Most messages that one answer may ask for: a function that asks for more has lost its way. */
const maxPublications = 32;

export interface Publication {
  readonly topic: string;
  readonly payload: string;
  readonly retain: boolean;
}

const Answer = Type.Object({
  publish: Type.Array(
    Type.Object(
      {
        // A name to publish to has no wildcards (MQTT 5, section 3.3.2.1).
        topic: Type.String({ pattern: '^[^+#\\u0000]+$', maxLength: 1024 }),
        payload: Type.Optional(Type.Unknown()),
        retain: Type.Optional(Type.Boolean()),
      },
      { additionalProperties: false },
    ),
    { maxItems: maxPublications },
  ),
});

/**
 * The messages that a function's answer asks to be published: `{"publish":[{"topic":…,"payload":…,"retain":…}]}`. A payload
 * that is no string is sent as JSON. Only what `bramble.publish` allows may be asked for; without that annotation the
 * field means nothing and the result is empty. Throws INVALID, by item, for anything that cannot or must not be sent.
 */
export function readPublications(answer: unknown, allowedFilters: readonly string[]): readonly Publication[] {
  if (allowedFilters.length === 0 || !asksForPublications(answer)) return [];
  const { publish } = check(Answer, answer, { what: 'the answer' });
  const forbidden: Problem[] = publish.flatMap(({ topic }, i) =>
    allowedFilters.some((filter) => matches(filter, topic))
      ? []
      : [{ path: `publish.${i}.topic`, message: `${topic} is not among those that bramble.publish allows` }],
  );
  if (forbidden.length > 0) throw invalid(forbidden, { what: 'the answer' });
  return publish.map(({ topic, payload, retain = false }) => ({ topic, payload: toText(payload), retain }));
}

function asksForPublications(answer: unknown): boolean {
  return answer !== null && typeof answer === 'object' && 'publish' in answer;
}

function toText(payload: unknown): string {
  return typeof payload === 'string' ? payload : (JSON.stringify(payload) ?? '');
}
