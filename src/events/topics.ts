/**
 * Every MQTT topic of Bramble is spelled here and nowhere else.
 *
 *   bramble/<node>/status                 "online" | "offline", retained, last will
 *   bramble/<node>/control                the same of a manager's process beside it
 *   bramble/<node>/load                   this node's load, retained; emptied when the node leaves on purpose
 *   bramble/<node>/receipts               ids of events that were accepted (on disk) by some agent
 *   bramble/<node>/<kind>/<sensor>        an event; retained where it is also a state
 *   bramble/<node>/<kind>/<sensor>/status "online" | "offline", retained: is this sensor readable
 *   bramble/<node>/gauge/<what>/set       a command; <node> "all" is every node
 *   bramble/<node>/light/blinkt/{state,set}  the same pixels, as Home Assistant's JSON light
 *   bramble/<node>/demand                 what this node asks of each function: calls in flight, deliveries waiting
 *   bramble/<node>/freezer                which function replicas on this node are frozen, retained
 *   bramble/<node>/freezer/task/set       a command: freeze or thaw one replica
 *   bramble/all/catalogue                 the names of all functions, retained
 *   bramble/all/catalogue/function/<name> a function and its replicas, retained; emptied when it is removed
 *   bramble/all/schedule/function/<name> the last tick of a schedule, retained: where the next leader goes on
 *   bramble/all/wake/function/<name>      somebody waits for this function: thaw it, or start it
 */
export const root = 'bramble';

/** Node names that topics need for themselves. */
export const reservedNodes: readonly string[] = ['all'];

export const topics = {
  status: (node: string) => `${root}/${node}/status`,
  control: (node: string) => `${root}/${node}/control`,
  load: (node: string) => `${root}/${node}/load`,
  receipts: (node: string) => `${root}/${node}/receipts`,
  event: (node: string, kind: string, name: string) => `${root}/${node}/${kind}/${name}`,
  sensorStatus: (node: string, kind: string, name: string) => `${root}/${node}/${kind}/${name}/status`,
  /** What the pixels show now, retained: `{"view":…,"brightness":…,"pixels":[…]}`. */
  gauge: (node: string) => `${root}/${node}/gauge`,
  setGauge: (node: string) => `${root}/${node}/gauge/pixels/set`,
  light: (node: string) => `${root}/${node}/light/blinkt/state`,
  setLight: (node: string) => `${root}/${node}/light/blinkt/set`,
  catalogueIndex: `${root}/all/catalogue`,
  catalogue: (name: string) => `${root}/all/catalogue/function/${name}`,
  demand: (node: string) => `${root}/${node}/demand`,
  freezer: (node: string) => `${root}/${node}/freezer`,
  setFreezer: (node: string) => `${root}/${node}/freezer/task/set`,
  schedule: (name: string) => `${root}/all/schedule/function/${name}`,
  wake: (name: string) => `${root}/all/wake/function/${name}`,
} as const;

export const filters = {
  everyStatus: `${root}/+/status`,
  everyLoad: `${root}/+/load`,
  everyDemand: `${root}/+/demand`,
  everyFreezer: `${root}/+/freezer`,
  everySchedule: `${root}/all/schedule/function/+`,
  everyWake: `${root}/all/wake/function/+`,
  /** All events that Bramble itself publishes. */
  everyEvent: `${root}/+/+/+`,
  everyCatalogue: `${root}/all/catalogue/function/+`,
} as const;

/** What agents tell each other about their work. Functions are never triggered by it: their running makes more of it. */
export const internalTopics: readonly string[] = [
  topics.receipts('+'),
  filters.everyDemand,
  filters.everyFreezer,
  topics.setFreezer('+'),
  topics.catalogueIndex,
  filters.everyCatalogue,
  filters.everySchedule,
  filters.everyWake,
];

export function isInternal(topic: string): boolean {
  return internalTopics.some((filter) => matches(filter, topic));
}

/** The node that one of our topics belongs to. */
export function nodeOf(topic: string): string {
  return topic.split('/')[1] ?? '';
}

/** The function that a topic below `…/function/` is about. */
export function functionOf(topic: string): string {
  return topic.split('/')[4] ?? '';
}

/**
 * Does `topic` match the subscription `filter`? MQTT 5, section 4.7: `+` one level, `#` the rest; `$…` only literally.
 * Asked of every message for every subscription, so it walks along both and cuts neither into pieces.
 */
export function matches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && !filter.startsWith('$')) return false;
  let inTopic = 0;
  for (let inFilter = 0; inFilter <= filter.length; ) {
    const filterEnd = levelEnd(filter, inFilter);
    const wildcard = filterEnd === inFilter + 1 ? filter[inFilter] : undefined;
    if (wildcard === '#') return true;
    if (inTopic > topic.length) return false;
    const topicEnd = levelEnd(topic, inTopic);
    const isMatch = wildcard === '+' || filter.slice(inFilter, filterEnd) === topic.slice(inTopic, topicEnd);
    if (!isMatch) return false;
    inFilter = filterEnd + 1;
    inTopic = topicEnd + 1;
  }
  return inTopic > topic.length;
}

function levelEnd(text: string, start: number): number {
  const slash = text.indexOf('/', start);
  return slash === -1 ? text.length : slash;
}

/** A sentence that says what is wrong with a subscription filter; `undefined` when it is fine. */
export function filterProblem(filter: string): string | undefined {
  if (filter === '') return 'a topic filter must not be empty';
  if (Buffer.byteLength(filter) > 65_535) return 'a topic filter has at most 65535 bytes';
  if (filter.includes('\0')) return 'a topic filter must not contain NUL';
  const levels = filter.split('/');
  for (const [i, level] of levels.entries()) {
    if (level.includes('#') && (level !== '#' || i !== levels.length - 1))
      return `"#" must be the whole last level in ${filter}`;
    if (level.includes('+') && level !== '+') return `"+" must be a whole level in ${filter}`;
  }
  if (filter.startsWith('$share/'))
    return 'name the plain filter: Bramble shares subscriptions between its nodes by itself';
  return undefined;
}
