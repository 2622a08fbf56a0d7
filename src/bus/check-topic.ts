import { filterProblem } from '../events/topics.ts';
import { BrambleError } from '../support/errors.ts';

/** Throws INVALID unless `topic` can be published to: a broker hangs up on a bad one instead of answering. */
export function checkTopic(topic: string): void {
  const problem = topicProblem(topic);
  if (problem !== undefined) throw new BrambleError('INVALID', `cannot publish to "${topic}": ${problem}`);
}

/** Throws INVALID unless `filter` can be subscribed to. */
export function checkFilter(filter: string): void {
  const problem = filterProblem(filter);
  if (problem !== undefined) throw new BrambleError('INVALID', `cannot subscribe: ${problem}`);
}

// MQTT 5, sections 4.7.1 to 4.7.3.
function topicProblem(topic: string): string | undefined {
  if (topic === '') return 'a topic must not be empty';
  if (/[+#\0]/.test(topic)) return 'a topic has no "+", "#" or NUL; only a filter has wildcards';
  if (topic.startsWith('$')) return 'topics that start with "$" belong to the broker';
  if (Buffer.byteLength(topic) > 65_535) return 'a topic has at most 65535 bytes';
  return undefined;
}
