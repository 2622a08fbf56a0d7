/** Algebra of MQTT topic filters: does one contain another, do two share a topic, which filter contains both. */

/** True when every topic that `inner` matches is matched by `outer`. */
export function covers(outer: string, inner: string): boolean {
  if (startsApart(outer, inner)) return false;
  const outerLevels = outer.split('/');
  const innerLevels = inner.split('/');
  for (const [i, level] of outerLevels.entries()) {
    if (level === '#') return true;
    const inside = innerLevels[i];
    if (inside === undefined || inside === '#') return false;
    if (level !== '+' && level !== inside) return false;
  }
  return outerLevels.length === innerLevels.length;
}

/** True when some topic is matched by both. */
export function overlap(a: string, b: string): boolean {
  if (startsApart(a, b)) return false;
  const aLevels = a.split('/');
  const bLevels = b.split('/');
  const longer = Math.max(aLevels.length, bLevels.length);
  for (let i = 0; i < longer; i += 1) {
    const [left, right] = [aLevels[i], bLevels[i]];
    if (left === '#' || right === '#') return true; // "a/#" matches "a" itself too
    if (left === undefined || right === undefined) return false;
    if (left !== '+' && right !== '+' && left !== right) return false;
  }
  return true;
}

/** The narrowest filter that covers two overlapping ones. */
function join(a: string, b: string): string {
  const aLevels = a.split('/');
  const bLevels = b.split('/');
  const joined: string[] = [];
  for (let i = 0; i < Math.max(aLevels.length, bLevels.length); i += 1) {
    const [left, right] = [aLevels[i], bLevels[i]];
    if (left === '#' || right === '#') return [...joined, '#'].join('/');
    joined.push(left !== undefined && left === right ? left : '+');
  }
  return joined.join('/');
}

/**
 * Filters that together cover all of `wanted` and of which no two match the same topic: a broker may deliver a message
 * once for each subscription that matches it (MQTT 5, section 3.3.4), and so delivers it exactly once.
 */
export function disjointCover(wanted: readonly string[]): readonly string[] {
  let cover: string[] = [];
  for (const filter of wanted) {
    let merged = filter;
    // Growing to take in one neighbour can make it overlap with another that was clear before.
    for (;;) {
      const touched = cover.filter((other) => overlap(other, merged));
      if (touched.length === 0) break;
      merged = touched.reduce((all, one) => (covers(one, all) ? one : join(one, all)), merged);
      cover = cover.filter((other) => !touched.includes(other));
    }
    cover.push(merged);
  }
  return cover.sort();
}

/** Wildcards in the first level do not match topics that start with "$" (MQTT 5, section 4.7.2). */
function startsApart(a: string, b: string): boolean {
  return isHidden(a) !== isHidden(b);
}

function isHidden(filter: string): boolean {
  return filter.startsWith('$');
}
