import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from './ports.ts';
import { removeFolder } from './remove-folder.ts';
import { root } from './repo.ts';

type Tree = Record<string, unknown>;

export interface AgentOptions {
  /** Laid over a configuration that suits tests: own ports and data folder, simulated hardware, no warm-up. */
  readonly config?: Tree;
  readonly env?: Readonly<Record<string, string>>;
  /** Uses the data folder and configuration of an earlier agent. */
  readonly folder?: string;
  /** Where its gateway is reached, if it runs in another network; it is to listen there then. */
  readonly host?: string;
  /** Starts the program otherwise than as `node dist/cli.js agent --config FILE`. */
  readonly spawn?: (command: string, args: readonly string[], env: NodeJS.ProcessEnv) => ChildProcess;
}

/** The built program, running. */
export interface Agent {
  readonly folder: string;
  readonly configFile: string;
  readonly url: string;
  readonly brokerPort: number;
  readonly user: string;
  readonly password: string;
  readonly child: ChildProcess;
  /** All that it wrote so far. */
  output(): string;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** SIGTERM, then its exit status. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
  remove(): void;
}

/** Starts an agent and resolves when `/readyz` says so. */
export async function startAgent(options: AgentOptions = {}): Promise<Agent> {
  const { host = '127.0.0.1' } = options;
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'bramble-agent-'));
  const gatewayPort = await freePort();
  const brokerPort = await freePort();
  const configFile = join(folder, 'bramble.yaml');
  const config = merge(
    {
      node: { name: 'pi-01' },
      dataDir: join(folder, 'data'),
      mqtt: { listen: { port: brokerPort } },
      gateway: { port: gatewayPort, password: 'open-sesame' },
      hardware: { kind: 'simulated' },
      motion: { warmUpMs: 0, holdMs: 300, debounceMs: 0 },
      log: { level: 'info' },
    },
    options.config ?? {},
  );
  writeFileSync(configFile, stringify(config));
  const args = [join(root, 'dist/cli.js'), 'agent', '--config', configFile];
  const env = { PATH: process.env.PATH ?? '', HOME: folder, ...options.env };
  const child =
    options.spawn?.(process.execPath, args, env) ?? spawn(process.execPath, args, { cwd: folder, env });
  let output = '';
  child.stdout?.on('data', (data: Buffer) => (output += data));
  child.stderr?.on('data', (data: Buffer) => (output += data));
  const exited = once(child, 'exit');
  const agent: Agent = {
    folder,
    configFile,
    url: `http://${host}:${gatewayPort}`,
    brokerPort,
    user: 'admin',
    password: 'open-sesame',
    child,
    output: () => output,
    fetch: (path, init = {}) =>
      fetch(`http://${host}:${gatewayPort}${path}`, {
        ...init,
        headers: { authorization: `Basic ${btoa('admin:open-sesame')}`, ...init.headers },
      }),
    async stop() {
      child.kill('SIGTERM');
      const [code] = await exited;
      return typeof code === 'number' ? code : null;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    remove: () => removeFolder(folder),
  };
  await untilReady(agent, exited);
  return agent;
}

async function untilReady(agent: Agent, exited: Promise<unknown>): Promise<void> {
  let hasExited = false;
  void exited.then(() => (hasExited = true));
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline) {
    if (hasExited) throw new Error(`the agent ended before it was ready:\n${agent.output()}`);
    const isReady = await agent.fetch('/readyz').then(
      (response) => response.ok,
      () => false,
    );
    if (isReady) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  agent.child.kill('SIGKILL');
  throw new Error(`the agent was not ready within 30 s:\n${agent.output()}`);
}

function merge(below: Tree, above: Tree): Tree {
  const merged = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const present = merged[key];
    merged[key] = isTree(present) && isTree(value) ? merge(present, value) : value;
  }
  return merged;
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
