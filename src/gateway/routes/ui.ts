import type { FunctionStatus } from '../../functions/spec.ts';
import type { App } from '../app-types.ts';
import type { Control, GatewayOptions, NodeStatus } from '../ports.ts';

/** A plain page: what runs here and where to look further. */
export function registerUi(
  app: App,
  { status }: Pick<GatewayOptions, 'status'>,
  { list, addresses }: Pick<Control, 'list'> & { addresses: () => readonly string[] },
): void {
  for (const url of ['/', '/ui'])
    app.route({
      method: ['GET', 'HEAD'],
      url,
      config: { summary: 'Leads to the page', isPublic: true, answers: { 301: 'to /ui/' } },
      handler: async (_request, reply) => reply.redirect('/ui/', 301),
    });
  app.route({
    method: ['GET', 'HEAD'],
    url: '/ui/',
    config: { summary: 'Shows the page', answers: { 200: 'HTML' } },
    handler: async (_request, reply) => {
      const page = renderPage(await status(), await list(), addresses());
      return reply
        .type('text/html; charset=utf-8')
        .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
        .header('cache-control', 'no-store')
        .send(page);
    },
  });
}

export function renderPage(
  status: NodeStatus,
  functions: readonly FunctionStatus[],
  addresses: readonly string[],
): string {
  const waiting = status.queues.reduce((sum, queue) => sum + queue.waiting, 0);
  const dead = status.queues.reduce((sum, queue) => sum + queue.dead, 0);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(status.node)} · Bramble</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3rem .8rem .3rem 0 }
th { border-bottom: 1px solid #bbb } td { border-bottom: 1px solid #eee }
</style>
<h1>${escapeHtml(status.node)}</h1>
<p>Bramble ${escapeHtml(status.version)}, roles ${escapeHtml(status.roles.join(', '))}, since ${escapeHtml(status.startedAt)}.</p>
<h2>Functions</h2>
${functions.length === 0 ? '<p>None yet. Deploy one: <code>bramble deploy -f stack.yml</code></p>' : table(functions)}
<h2>Events</h2>
<p>Broker ${escapeHtml(status.bus.url)} is ${status.bus.state}; ${status.outbox} on their way out,
${waiting} waiting for functions, <a href="/bramble/dead-letters">${dead} dead letters</a>.</p>
<h2>Addresses</h2>
<ul>
${addresses.map((address) => `<li>${escapeHtml(address)}</li>`).join('\n')}
</ul>
<p><a href="/openapi.json">API</a> · <a href="/metrics">metrics</a> · <a href="/bramble/status">status</a></p>
</html>
`;
}

function table(functions: readonly FunctionStatus[]): string {
  const rows = functions.map(
    ({ name, image, replicas, availableReplicas }) =>
      `<tr><td><a href="/function/${escapeHtml(name)}">${escapeHtml(name)}</a><td>${escapeHtml(image)}<td>${availableReplicas} of ${replicas}`,
  );
  return `<table>\n<tr><th>Name<th>Image<th>Ready\n${rows.join('\n')}\n</table>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');
}
