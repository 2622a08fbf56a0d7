import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, FastifyTypeProvider, RawServerDefault } from 'fastify';
import type { Static, TSchema } from 'typebox';

/** Gives `request.body`, `.query` and `.params` the type of the route's schema, which the validator checks. */
interface TypeBoxTypes extends FastifyTypeProvider {
  readonly validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown;
  readonly serializer: unknown;
}

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypes
>;

declare module 'fastify' {
  /** What a route says about itself, beside its schema: the API document is made from it. */
  interface FastifyContextConfig {
    readonly summary?: string;
    /** Status → what it means. 400 and 401 are added where a route can give them. */
    readonly answers?: Readonly<Record<number, string>>;
    /** Asks for no password. Every other route does. */
    readonly isPublic?: boolean;
  }
}
