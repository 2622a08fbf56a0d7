import type { CatalogueMessage, TaskEndpoint } from '../../src/functions/catalogue-message.ts';

/** A function with one replica; name only what matters. */
export function buildMessage(
  fields: Partial<Omit<CatalogueMessage, 'service'>> & {
    service?: Partial<CatalogueMessage['service']>;
  } = {},
): CatalogueMessage {
  const { service, ...rest } = fields;
  return {
    name: 'echo',
    replicas: 1,
    endpoints: [buildTask()],
    version: 1,
    at: '2026-01-01T00:00:00.000Z',
    ...rest,
    service: {
      image: 'echo:1',
      namespace: '',
      envProcess: '',
      envVars: {},
      constraints: [],
      secrets: [],
      labels: {},
      annotations: {},
      readOnlyRootFilesystem: false,
      createdAt: '2026-01-01T00:00:00.000Z',
      ...service,
    },
  };
}

export function buildTask(fields: Partial<TaskEndpoint> = {}): TaskEndpoint {
  return {
    id: 'task-1',
    node: 'pi-01',
    address: '127.0.0.1:8080',
    state: 'ready',
    containerId: 'container-1',
    ...fields,
  };
}
