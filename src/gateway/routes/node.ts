import { Type } from 'typebox';
import type { App } from '../app-types.ts';
import type { GatewayOptions, Simulate } from '../ports.ts';

const SimulateBody = Type.Object(
  {
    motion: Type.Optional(Type.Boolean({ description: 'someone moves before the PIR, or nobody does' })),
    celsius: Type.Optional(Type.Number({ minimum: -55, maximum: 125, description: 'range of a DS18B20' })),
    sensor: Type.Optional(Type.String({ minLength: 1, description: 'which thermometer' })),
    throttling: Type.Optional(
      Type.Object(
        {
          underVoltage: Type.Optional(Type.Boolean()),
          frequencyCapped: Type.Optional(Type.Boolean()),
          throttled: Type.Optional(Type.Boolean()),
          softTemperatureLimit: Type.Optional(Type.Boolean()),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false, minProperties: 1 },
);

/** This node: how it is, and, where its hardware is simulated, what it feels. */
export function registerNode(
  app: App,
  { status, simulate }: Pick<GatewayOptions, 'status' | 'simulate'>,
): void {
  app.get(
    '/bramble/status',
    { config: { summary: 'Describes this node', answers: { 200: 'node, roles, bus, queues' } } },
    async () => status(),
  );
  if (simulate !== undefined) registerSimulate(app, simulate);
}

function registerSimulate(app: App, simulate: Simulate): void {
  app.post(
    '/bramble/simulate',
    {
      schema: { body: SimulateBody },
      config: { summary: 'Moves the simulated sensors', answers: { 202: 'done', 404: 'no such sensor' } },
    },
    async (request, reply) => {
      await simulate(request.body);
      return reply.code(202).send();
    },
  );
}
