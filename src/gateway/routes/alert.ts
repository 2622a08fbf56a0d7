import { Type } from 'typebox';
import type { FunctionStatus } from '../../functions/spec.ts';
import { messageOf } from '../../support/errors.ts';
import type { App } from '../app-types.ts';
import { plainName } from '../function-path.ts';
import type { Managing } from '../ports.ts';

const AlertBody = Type.Object({
  alerts: Type.Array(
    Type.Object({
      status: Type.String(),
      labels: Type.Object({ function_name: Type.Optional(Type.String()) }),
    }),
    { maxItems: 1_000 },
  ),
});

/** OpenFaaS's defaults for the labels of the same names below `com.openfaas.scale`. */
const defaults = { min: 1, max: 20, factor: 20 } as const;

/** Alertmanager's webhook: a firing alert adds replicas, a resolved one goes back to the least. */
export function registerAlert(app: App, { runtime }: Pick<Managing, 'runtime'>): void {
  const scale = async (qualifiedName: string, isFiring: boolean) => {
    const status = await runtime.describe(plainName(qualifiedName)).catch(() => undefined);
    if (status === undefined) return; // the contract: what cannot be asked about is skipped
    const replicas = planReplicas(status, isFiring);
    if (replicas !== status.replicas) await runtime.scale(status.name, replicas);
  };
  app.post(
    '/system/alert',
    {
      schema: { body: AlertBody },
      config: {
        summary: 'Scales functions by Prometheus alerts',
        answers: { 200: 'done', 500: 'what failed' },
      },
    },
    async (request, reply) => {
      const failures: string[] = [];
      for (const [i, alert] of request.body.alerts.entries()) {
        const name = alert.labels.function_name;
        if (name === undefined) continue;
        await scale(name, alert.status === 'firing').catch((err: unknown) =>
          failures.push(`[${i}] ${messageOf(err)}`),
        );
      }
      if (failures.length === 0) return reply.code(200).send();
      return reply.code(500).type('text/plain; charset=utf-8').send(failures.join('\n'));
    },
  );
}

/** One step, `factor` percent of `max`, for each alert that fires; a factor of 0 switches stepping off. */
export function planReplicas(
  { labels, replicas }: Pick<FunctionStatus, 'labels' | 'replicas'>,
  isFiring: boolean,
): number {
  const min = scaleLabel(labels, 'min');
  const max = scaleLabel(labels, 'max');
  const factor = scaleLabel(labels, 'factor');
  const step = Math.ceil((max / 100) * (factor > 100 ? defaults.factor : factor));
  return isFiring && step > 0 ? Math.min(replicas + step, max) : min;
}

function scaleLabel(labels: FunctionStatus['labels'], key: keyof typeof defaults): number {
  const text = labels[`com.openfaas.scale.${key}`] ?? '';
  return /^\d{1,6}$/.test(text) ? Number(text) : defaults[key];
}
