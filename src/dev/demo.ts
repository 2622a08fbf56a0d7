/**
 * What `bramble dev` lays below the configuration file: simulated hardware with a PIR that is warm at once and lets go
 * quickly, so that the first minute is not spent waiting.
 */
export const demoDefaults = {
  hardware: { kind: 'simulated' },
  motion: { warmUpMs: 0, holdMs: 3_000 },
  climate: { intervalMs: 2_000, maxSilenceMs: 30_000 },
  functions: { stack: 'functions/stack.yml' },
  log: { level: 'warn' },
} as const;
