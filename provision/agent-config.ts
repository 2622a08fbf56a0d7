import { readFileSync } from 'node:fs';
import { withoutCluster } from '../src/config/file.ts';
import { loadConfig } from '../src/config/load.ts';
import type { Config } from '../src/config/schema.ts';

export interface AgentConfig {
  /** Of the file that agents are given; how nodes are made stays here. `undefined` without a file. */
  readonly text: string | undefined;
  /** What they make of it, but for what their surroundings say. */
  readonly config: Config;
}

/** Throws CONFIG_INVALID here, where its author is, and not at every agent. */
export function readAgentConfig(file: string | undefined): AgentConfig {
  if (file === undefined) return { text: undefined, config: loadConfig({ env: {} }).config };
  const { config } = loadConfig({ file, env: {} });
  return { text: withoutCluster(readFileSync(file, 'utf8')), config };
}
