import { describe } from 'vitest';
import { runtimeContract } from '../contract/runtime-contract.ts';
import { openProcessRuntime, type ProbeMode, probeSpec } from '../support/process-runtime.ts';
import { lacksPython } from '../support/python.ts';

const open = (mode: ProbeMode) => async () => {
  const { runtime, close } = await openProcessRuntime();
  return { runtime, probe: probeSpec.bind(undefined, mode), constraint: 'node.role == worker', close };
};

runtimeContract('framed Node.js workers', open('node'));
runtimeContract('one process per request', open('fork'));
runtimeContract('long-lived HTTP processes', open('http'));

describe.skipIf(lacksPython)('with python3 installed (skipped where it is not)', () => {
  runtimeContract('framed Python workers', open('python'));
});
