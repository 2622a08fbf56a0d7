import type { RouteOptions } from 'fastify';

type Route = Pick<RouteOptions, 'method' | 'url' | 'schema' | 'config'>;

/** Methods that OpenAPI 3.1 has a place for. */
const described: ReadonlySet<string> = new Set([
  'GET',
  'PUT',
  'POST',
  'DELETE',
  'OPTIONS',
  'HEAD',
  'PATCH',
  'TRACE',
]);

/** The API document, made from the schemas that requests are checked with: it cannot disagree with them. */
export function describeApi(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.url.replaceAll(/:(\w+)/g, '{$1}').replace('*', '{path}');
    paths[path] ??= {};
    for (const method of [route.method].flat().filter((one) => described.has(one)))
      paths[path][method.toLowerCase()] = operation(route, `${method.toLowerCase()} ${path}`);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Bramble', version, description: 'OpenFaaS-compatible API, and what Bramble adds to it.' },
    paths,
    components: { securitySchemes: { password: { type: 'http', scheme: 'basic' } } },
  };
}

function operation({ url, schema = {}, config = {} }: Route, id: string): object {
  const { summary, answers = {}, isPublic = false } = config;
  const takesInput = schema.body !== undefined || schema.querystring !== undefined;
  const responses = {
    ...answers,
    ...(takesInput ? { 400: 'which field is wrong, and why' } : {}),
    ...(isPublic ? {} : { 401: 'user or password missing or wrong' }),
  };
  return {
    operationId: id.replaceAll(/[^a-z0-9]+/gi, '-'),
    summary,
    parameters: [
      ...parametersOf(schema.params ?? defaultParams(url), 'path'),
      ...parametersOf(schema.querystring, 'query'),
      ...parametersOf(schema.headers, 'header'),
    ],
    ...(schema.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schema.body } } } }),
    responses: Object.fromEntries(
      Object.entries(responses).map(([status, description]) => [status, { description }]),
    ),
    ...(isPublic ? {} : { security: [{ password: [] }] }),
  };
}

function parametersOf(schema: unknown, place: 'path' | 'query' | 'header'): object[] {
  const { properties = {}, required = [] } = schemaParts(schema);
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: property,
  }));
}

function schemaParts(schema: unknown): { properties?: Record<string, unknown>; required?: string[] } {
  return typeof schema === 'object' && schema !== null ? schema : {};
}

function defaultParams(url: string): object {
  const names = [...url.matchAll(/:(\w+)/g)].map((match) => match[1] ?? '');
  if (url.endsWith('*')) names.push('path');
  return { properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])) };
}
