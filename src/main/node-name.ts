import { reservedNodes } from '../events/topics.ts';

/** A host name as a node's name: lower case, one label, at most 63 characters of a-z, 0-9 and `-`. */
export function toNodeName(hostName: string): string {
  const label = (hostName.split('.')[0] ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '');
  return label === '' || reservedNodes.includes(label) ? 'node' : label;
}
