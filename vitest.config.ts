import { defineConfig } from 'vitest/config';

// `forks`: the epoll addon below onoff aborts Node when it is loaded in a worker thread.
const base = { pool: 'forks' as const, environment: 'node' };

export default defineConfig({
  test: {
    ...base,
    reporters: process.env.CI ? ['default', ['json', { outputFile: 'coverage/results.json' }]] : ['default'],
    projects: [
      { test: { ...base, name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      { test: { ...base, name: 'repo', include: ['test/repo/**/*.test.ts'] } },
      {
        test: {
          ...base,
          name: 'integration',
          globalSetup: ['test/support/build-once.ts'],
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          ...base,
          name: 'e2e',
          globalSetup: ['test/support/build-once.ts'],
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
