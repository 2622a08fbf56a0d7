import { describe, expect, it } from 'vitest';
import { parseSettings } from '../../../../src/functions/settings.ts';
import type { FunctionSpec } from '../../../../src/functions/spec.ts';
import type { SwarmService, SwarmTask } from '../../../../src/functions/swarm/docker-objects.ts';
import { findProblem, isUpToDate, toStatus } from '../../../../src/functions/swarm/function-status.ts';
import { toServiceSpec } from '../../../../src/functions/swarm/service-spec.ts';
import { codeOf } from '../../../support/requests.ts';

const full: FunctionSpec = {
  service: 'hello',
  image: 'registry:5000/hello:1',
  namespace: 'openfaas-fn',
  envProcess: 'cat',
  envVars: { b: '2=3', a: '1', exec_timeout: '5s' },
  constraints: ['node.labels.room == hall'],
  labels: { team: 'red' },
  annotations: { topic: 'a/b' },
  limits: { memory: '64Mi' },
  requests: { cpu: '100m' },
  readOnlyRootFilesystem: true,
};

function build(spec: FunctionSpec, replicas = 1): SwarmService {
  const Spec = toServiceSpec(spec, {
    settings: parseSettings(spec),
    image: spec.image,
    imageId: undefined,
    secrets: [],
    networkId: 'n1',
    replicas,
  });
  return { ID: 's1', Version: { Index: 1 }, CreatedAt: '2026-01-01T00:00:00Z', Spec };
}

function task(service: SwarmService, fields: Partial<SwarmTask['Status']> = {}): SwarmTask {
  const { ContainerSpec, Resources } = service.Spec.TaskTemplate;
  return {
    ID: 't1',
    ServiceID: 's1',
    Spec: { ContainerSpec, Resources, ForceUpdate: 0 },
    Status: { Timestamp: '2026-01-01T00:00:01Z', State: 'running', ...fields },
    DesiredState: 'running',
  };
}

describe('a function as a service', () => {
  it('is shown as it was deployed', () => {
    expect(toStatus(build(full, 2), 1)).toEqual({
      ...{ name: 'hello', image: full.image, namespace: 'openfaas-fn', envProcess: 'cat' },
      envVars: full.envVars,
      constraints: full.constraints,
      secrets: [],
      labels: { team: 'red', 'com.openfaas.function': 'hello', function: 'true' },
      annotations: full.annotations,
      limits: full.limits,
      requests: full.requests,
      readOnlyRootFilesystem: true,
      ...{ replicas: 2, availableReplicas: 1, createdAt: '2026-01-01T00:00:00Z' },
    });
  });

  it('is shown without the digest that its tag was found to have', () => {
    const image = `hello:1@sha256:${'0'.repeat(64)}`;
    expect(toStatus(build({ service: 'hello', image }), 0).image).toBe('hello:1');
    const given = `hello@sha256:${'0'.repeat(64)}`;
    expect(toStatus(build({ service: 'hello', image: given }), 0).image).toBe(given);
  });

  it('is the same whatever the order of its variables: nothing new, nothing restarted', () => {
    const turned = { ...full, envVars: { exec_timeout: '5s', a: '1', b: '2=3' } };
    expect(build(turned)).toEqual(build(full));
  });

  it('gives requests in flight their whole time before it is killed', () => {
    expect(build(full).Spec.TaskTemplate.ContainerSpec.StopGracePeriod).toBe(5e9);
    const unlimited = { ...full, envVars: { exec_timeout: '0' } };
    expect(build(unlimited).Spec.TaskTemplate.ContainerSpec.StopGracePeriod).toBe(60e9);
  });

  it('cannot have a label in the place of an annotation', async () => {
    const labels = { 'com.openfaas.annotations.topic': 'c' };
    expect(await codeOf((async () => build({ ...full, labels }))())).toBe('INVALID');
  });
});

describe('what is wrong with a function', () => {
  const service = build(full);
  const failed = task(service, { State: 'failed', Err: 'task: non-zero exit (3)' });

  it('is nothing while its replicas run, whatever failed before', () => {
    expect(findProblem(service, [task(service), failed])).toBeUndefined();
  });

  it('is the latest failure when too few run', () => {
    const older = task(service, {
      Timestamp: '2025-01-01T00:00:00Z',
      State: 'rejected',
      Err: 'No such image',
    });
    expect(findProblem(service, [older, failed])).toBe('task: non-zero exit (3)');
  });

  it('is its update when that was rolled back', () => {
    const undone = {
      ...service,
      UpdateStatus: { State: 'rollback_completed', Message: 'rollback completed' },
    };
    expect(findProblem(undone, [task(service), failed])).toBe(
      'the last update was rolled back: task: non-zero exit (3)',
    );
  });

  it('is not a replica of the version before', () => {
    expect(isUpToDate(task(service), service)).toBe(true);
    expect(isUpToDate(task(build({ ...full, image: 'hello:2' })), service)).toBe(false);
  });
});
