import { METHODS } from 'node:http';
import fastify, { type FastifyRequest, type RouteOptions } from 'fastify';
import type { TSchema } from 'typebox';
import { parseJson } from '../support/json.ts';
import { findProblems, invalid } from '../support/schema.ts';
import type { App } from './app-types.ts';
import { refuseForeignPages, requirePassword } from './auth.ts';
import { linger, maxJsonBytes, readBody } from './bodies.ts';
import { cleanPath } from './clean-path.ts';
import { answerClientError } from './client-error.ts';
import type { OpenStreams } from './open-streams.ts';
import { describeApi } from './openapi.ts';
import type { GatewayOptions, GatewayParts, Managing } from './ports.ts';
import { toGatewayError, toRefusal } from './refusal.ts';
import { registerAlert } from './routes/alert.ts';
import { registerDeadLetters } from './routes/dead-letters.ts';
import { registerEvents } from './routes/events.ts';
import { registerFunctions } from './routes/functions.ts';
import { registerHealth } from './routes/health.ts';
import { registerInfo } from './routes/info.ts';
import { registerInvoke } from './routes/invoke.ts';
import { registerInvokeAsync } from './routes/invoke-async.ts';
import { registerLogs } from './routes/logs.ts';
import { registerNode } from './routes/node.ts';
import { registerSecrets } from './routes/secrets.ts';
import { registerUi } from './routes/ui.ts';

/** Against clients that send their request byte by byte: the head must be there by then, and the whole request. */
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 120_000;
const timeoutCheckMs = 2_000;
const maxHeaderBytes = 64 * 1024;

/** Everything but the socket: routes, checks and errors. */
export async function createApp(
  options: GatewayOptions,
  { streams, addresses }: { streams: OpenStreams; addresses: () => readonly string[] },
): Promise<App> {
  const app: App = fastify({
    logger: false,
    exposeHeadRoutes: false, // a HEAD must not start a stream; routes that serve it say so
    requestTimeout: requestTimeoutMs,
    http: {
      headersTimeout: headersTimeoutMs,
      connectionsCheckingInterval: timeoutCheckMs,
      maxHeaderSize: maxHeaderBytes,
    },
    clientErrorHandler: answerClientError,
    frameworkErrors: (_err, _request, { raw }) => {
      raw
        .writeHead(400, { 'content-type': 'text/plain; charset=utf-8' })
        .end('the path has a bad percent escape or an endless part');
    },
  }).withTypeProvider();
  const routes: RouteOptions[] = [];
  // Functions take every method that Node can parse.
  const known = [...app.supportedMethods, 'CONNECT']; // CONNECT is no request but asks for a tunnel
  for (const method of METHODS) if (!known.includes(method)) app.addHttpMethod(method);
  addHooks(app, options);
  addChecks(app);
  addRouteRules(app, options, routes);
  addErrors(app, options, routes);
  await addRoutes(app, options, { streams, addresses });
  app.get(
    '/openapi.json',
    { config: { summary: 'Describes this API', isPublic: true, answers: { 200: 'OpenAPI 3.1' } } },
    async () => describeApi(routes, options.version.release),
  );
  return app;
}

function addHooks(app: App, { log }: GatewayOptions): void {
  app.addHook('onRequest', (request, reply, done) => {
    const clean = cleanPath(request.raw.url ?? '/');
    if (clean === undefined) return done();
    void reply.redirect(clean, 301);
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { method, url } = request.raw;
    log.debug(
      { method, url, status: reply.raw.statusCode, ms: Math.round(reply.elapsedTime) },
      'request served',
    );
    done();
  });
}

/** One way to check: every schema of a route goes through the project's own validator, which names each field. */
function addChecks(app: App): void {
  const what: Record<string, string> = {
    body: 'request body',
    querystring: 'query',
    params: 'path',
    headers: 'headers',
  };
  app.setValidatorCompiler<TSchema>(({ schema, httpPart = 'body' }) => (value) => {
    const problems = findProblems(schema, value);
    if (problems.length === 0) return { value };
    return { error: invalid(problems, { what: what[httpPart] ?? httpPart }) };
  });
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  // Routes that stream read the body themselves; those with a JSON body replace this parser.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
}

/** Every route asks for the password unless it says that it is public; and every route is in the API document. */
function addRouteRules(app: App, options: GatewayOptions, routes: RouteOptions[]): void {
  const checkPassword = requirePassword(options);
  app.addHook('onRoute', (route) => {
    routes.push(route);
    if (route.config?.isPublic === true) return;
    route.onRequest = [checkPassword, refuseForeignPages];
  });
}

function addErrors(app: App, { clock, log }: GatewayOptions, routes: readonly RouteOptions[]): void {
  app.setErrorHandler((err, request, reply) => {
    const error = toGatewayError(err);
    if (error.code === 'INTERNAL')
      log.error({ err, method: request.method, url: request.url }, 'request failed');
    const { status, headers, body } = toRefusal(error, request.headers.accept);
    reply.removeHeader('connection');
    linger(request.raw, clock);
    return reply.code(status).headers(headers).send(body);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.raw.url?.split('?')[0] ?? '/';
    const methods = routes.filter(({ url }) => toPattern(url).test(path)).flatMap(({ method }) => method);
    if (methods.length === 0)
      return reply.code(404).type('text/plain; charset=utf-8').send('404 page not found');
    return reply
      .code(405)
      .header('allow', [...new Set(methods)].join(', '))
      .send();
  });
}

function toPattern(url: string): RegExp {
  return new RegExp(`^${url.replaceAll('.', '\\.').replaceAll(/:\w+/g, '[^/]+').replace('*', '.*')}$`);
}

async function addRoutes(
  app: App,
  options: GatewayOptions,
  { streams, addresses }: { streams: OpenStreams; addresses: () => readonly string[] },
): Promise<void> {
  const list = options.runtime === undefined ? options.control.list : () => options.runtime.list();
  registerHealth(app, options, { list });
  registerUi(app, options, { list, addresses });
  registerInvoke(app, options);
  registerInvokeAsync(app, options);
  if (options.control !== undefined) {
    const { registerForwardSystem } = await import('./forward-system.ts'); // with an HTTP client that others do without
    registerForwardSystem(app, options, streams);
  }
  await app.register(async (json: App) => {
    json.removeAllContentTypeParsers();
    // Clients of OpenFaaS do not always say that their body is JSON, so that is not asked.
    json.addContentTypeParser('*', async (request: FastifyRequest) =>
      parseJson(Buffer.from(await readBody(request.raw, maxJsonBytes)).toString(), {
        what: 'request body',
      }),
    );
    const { runtime } = options;
    if (runtime !== undefined) await json.register((managed) => addManagement(managed, options, streams));
    registerDeadLetters(json, options);
    registerEvents(json, options, streams);
    registerNode(json, options);
  });
}

async function addManagement(
  app: App,
  options: GatewayParts & Managing,
  streams: OpenStreams,
): Promise<void> {
  app.addHook('preParsing', async () => {
    const reason = options.offline?.();
    if (reason !== undefined) throw reason;
  });
  registerFunctions(app, options);
  registerSecrets(app, options);
  registerLogs(app, options, streams);
  registerInfo(app, options);
  registerAlert(app, options);
}
