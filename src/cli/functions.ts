import type { Gateway } from './gateway.ts';
import { fieldOf, isObject, listOf, numberOf, textOf } from './json.ts';

/** A deployed function as the CLI shows it; read from OpenFaaS's FunctionStatus. */
export interface FunctionView {
  readonly name: string;
  readonly image: string;
  readonly replicas: number;
  readonly availableReplicas: number;
  readonly invocationCount: number;
  readonly createdAt: string;
  readonly command: string;
  readonly secrets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
}

export function toFunctionView(status: unknown): FunctionView {
  return {
    name: textOf(status, 'name'),
    image: textOf(status, 'image'),
    replicas: numberOf(status, 'replicas'),
    availableReplicas: numberOf(status, 'availableReplicas'),
    invocationCount: numberOf(status, 'invocationCount'),
    createdAt: textOf(status, 'createdAt'),
    command: textOf(status, 'envProcess'),
    secrets: listOf(status, 'secrets').map(String),
    labels: textsOf(status, 'labels'),
    annotations: textsOf(status, 'annotations'),
    environment: textsOf(status, 'envVars'),
  };
}

function textsOf(value: unknown, key: string): Record<string, string> {
  const field = fieldOf(value, key);
  return isObject(field)
    ? Object.fromEntries(Object.keys(field).map((name) => [name, textOf(field, name)]))
    : {};
}

/** What makes a function run by itself: topics and schedule, in one line. */
export function renderTriggers({ annotations }: Pick<FunctionView, 'annotations'>): string {
  const { topic, schedule } = annotations;
  return [topic, schedule && `cron ${schedule}`].filter(Boolean).join('; ');
}

export async function describe(gateway: Gateway, name: string): Promise<unknown> {
  return gateway.ask('GET', functionPath(name));
}

export function functionPath(name: string): string {
  return `/system/function/${encodeURIComponent(name)}`;
}

/** Where a function is called. */
export function addressOfFunction(gateway: Pick<Gateway, 'address'>, name: string): string {
  return `${gateway.address}/function/${encodeURIComponent(name)}`;
}
