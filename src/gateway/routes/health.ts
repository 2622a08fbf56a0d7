import type { App } from '../app-types.ts';
import type { Control, GatewayOptions } from '../ports.ts';

/** Alive, ready, and how much: asked by machines, so without a password. */
export function registerHealth(
  app: App,
  { readiness, metrics }: Pick<GatewayOptions, 'readiness' | 'metrics'>,
  { list }: Pick<Control, 'list'>,
): void {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/healthz',
    config: { summary: 'Says that the process is alive', isPublic: true, answers: { 200: 'alive' } },
    handler: async (_request, reply) => reply.type('text/plain').send('OK'),
  });
  app.route({
    method: ['GET', 'HEAD'],
    url: '/readyz',
    config: {
      summary: 'Says whether all parts are up',
      isPublic: true,
      answers: { 200: 'ready', 503: 'what is missing' },
    },
    handler: async (_request, reply) => {
      const { isReady, reason = 'starting or stopping' } = readiness();
      return reply
        .code(isReady ? 200 : 503)
        .type('text/plain')
        .send(isReady ? 'ready' : `not ready: ${reason}`);
    },
  });
  const serviceCount = metrics.gauge('gateway_service_count', 'Replicas wanted of a function', [
    'function_name',
  ]);
  app.route({
    method: ['GET', 'HEAD'],
    url: '/metrics',
    config: {
      summary: 'Gives all metrics',
      isPublic: true,
      answers: { 200: 'Prometheus text format' },
    },
    handler: async (_request, reply) => {
      const functions = await list();
      serviceCount.reset();
      for (const { name, replicas } of functions) serviceCount.set({ function_name: name }, replicas);
      return reply.type(metrics.contentType).send(await metrics.render());
    },
  });
}
