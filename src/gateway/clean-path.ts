/** A doubled slash, or a segment `.` or `..`, plain or percent-encoded. */
const dirt = /\/(?:\/|(?:\.|%2e){1,2}(?:\/|$))/i;

/**
 * Where a request with doubled slashes or dot segments in its path is to be sent: the same URL with a clean path.
 * `undefined` when it is clean. What matched a route is then what a function sees.
 */
export function cleanPath(url: string): string | undefined {
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  if (!path.startsWith('/') || !dirt.test(path)) return undefined;
  const kept: string[] = [];
  const segments = path.split('/').map((segment) => segment.replaceAll(/%2e/gi, '.'));
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '.' && segment !== '') kept.push(segment);
  }
  const isFolder = path.endsWith('/') && kept.length > 0;
  // Browsers read a backslash as a slash: `/\host` would lead to another site.
  const clean = `/${kept.join('/')}${isFolder ? '/' : ''}`.replaceAll('\\', '%5C');
  return clean + (mark === -1 ? '' : url.slice(mark));
}
