/** Headers that describe one connection, not the message (RFC 9110, section 7.6.1, and the older ones in use). */
export const connectionHeaders: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
