// A process runtime in a process of its own, for tests that kill it: `runtime-child.ts <mode> <data folder>`.
// One of its functions hangs for ever, with a child process.
import { MemoryStore } from '../../src/store/store.memory.ts';
import { newProcessRuntime, type ProbeMode, probeSpec } from './process-runtime.ts';
import { buildRequest, never } from './requests.ts';
import { until } from './wait.ts';

const [mode = 'node', dataDir = ''] = process.argv.slice(2);
const store = new MemoryStore();
await store.start(never);
const runtime = newProcessRuntime({ dataDir, store });
await runtime.start();
await runtime.deploy(probeSpec(mode as ProbeMode, 'probe', { envVars: { exec_timeout: '0' } })); // the test's own word
const endpoint = await until('a replica', () => runtime.endpoints('probe')[0]);
await endpoint.invoke(buildRequest('/hang'), { signal: never });
