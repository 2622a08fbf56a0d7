import { defineConfig } from 'vitest/config';

// `forks`: the epoll addon below onoff aborts Node when it is loaded in a worker thread.
// Timeouts are for hangs only: a busy machine may need ten times as long as a quiet one.
const project = (name: string, timeoutMs: number, rest: { globalSetup?: string[] } = {}) => ({
  test: {
    name,
    pool: 'forks' as const,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    expect: { poll: { timeout: 30_000, interval: 10 } },
    ...rest,
  },
});
const built = { globalSetup: ['test/support/build-once.ts'] };

export default defineConfig({
  test: {
    // Tests wait for brokers, Engines and agents far more than they compute.
    maxWorkers: 3,
    reporters: process.env.CI ? ['default', ['json', { outputFile: 'coverage/results.json' }]] : ['default'],
    projects: [
      project('unit', 60_000),
      project('repo', 60_000),
      project('integration', 120_000, built),
      project('e2e', 240_000, built),
      project('boot', 1_200_000, built), // on demand: it takes minutes
    ],
  },
});
