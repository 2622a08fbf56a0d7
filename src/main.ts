import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import pkg from '../package.json' with { type: 'json' };
import { createPaint } from './cli/paint.ts';
import { loadConfig } from './config/load.ts';
import type { Config } from './config/schema.ts';
import { demoDefaults } from './dev/demo.ts';
import { Demo, type DemoParts } from './dev/demo-run.ts';
import { logOnto } from './dev/log-lines.ts';
import { type Output, Screen } from './dev/screen.ts';
import { type Running, startAll } from './lifecycle/run.ts';
import { onTermination } from './lifecycle/signals.ts';
import { brokerUrl } from './main/bus.ts';
import { type AgentServices, compose } from './main/compose.ts';
import { type GatewayPassword, gatewayPassword } from './main/credentials.ts';
import { toNodeName } from './main/node-name.ts';
import { systemClock } from './support/clock.system.ts';
import { createLog, type Log } from './support/log.ts';
import { Metrics } from './support/metrics.ts';

export interface RunAgentOptions {
  readonly configFile?: string;
  /** Values of command-line flags, shaped as the configuration. */
  readonly overrides: Readonly<Record<string, unknown>>;
  /** `bramble dev`: simulated hardware unless configured otherwise, and a start screen. */
  readonly isDemo: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Output;
  readonly stderr: Pick<Output, 'isTTY'>;
  readonly stdin: DemoParts['stdin'];
}

// The same from src/ and, bundled, from dist/.
const functionsDir = fileURLToPath(new URL('../functions', import.meta.url));
const storeWorkerFile = fileURLToPath(new URL('../dist/store-worker.js', import.meta.url));

/**
 * Runs an agent until SIGTERM or SIGINT, or a defect; resolves to the exit status. Rejects with a BrambleError when it
 * cannot start, and has undone then what it had started.
 */
export async function runAgent(options: RunAgentOptions): Promise<number> {
  // V8 lets the heap grow to four times of what is in use before it collects; to twice, load needs half the memory for
  // nearly the same speed (docs/BENCHMARKS.md).
  setFlagsFromString('--heap-growing-percent=100');
  // The young generation is small: helpers would wait for each other longer than they work, above all on a busy machine.
  setFlagsFromString('--no-parallel-scavenge');
  const { config } = readConfig(options);
  const screen = options.isDemo
    ? new Screen(options.stdout, createPaint(options.stdout, options.env))
    : undefined;
  const isShared = screen?.isTerminal === true && options.stderr.isTTY === true;
  const log = createLog(config.log.level, isShared ? logOnto(screen) : undefined);
  const node = config.node.name ?? toNodeName(hostname());
  const password = gatewayPassword(config.gateway, config.dataDir);
  let isReady = false;
  const agent = await compose({
    config,
    node,
    version: { release: pkg.version, sha: options.env.BRAMBLE_BUILD ?? 'unknown' },
    password: password.password,
    storeWorkerFile,
    functionsDir,
    env: options.env,
    clock: systemClock,
    log,
    metrics: new Metrics(),
    isReady: () => isReady,
  });

  const ending = new Ending(log);
  try {
    const demo =
      screen &&
      new Demo({ agent, screen, stdin: options.stdin, quit: () => ending.end(0), clock: systemClock, log });
    await demo?.listen();
    const running = await startAll(agent.services, { log, clock: systemClock, signal: ending.signal });
    try {
      isReady = true;
      log.info({ node, startMs: Math.round(performance.now()) }, 'agent ready');
      await demo?.start(welcome({ config, node, password, agent }));
      return await ending.status;
    } finally {
      isReady = false;
      demo?.stop();
      await stop(running, ending);
    }
  } catch (err) {
    if (ending.signal.aborted) return await ending.status; // told to stop while starting
    throw err;
  } finally {
    ending.dispose();
  }
}

function readConfig({ configFile, overrides, isDemo, env }: RunAgentOptions) {
  const base = { ...demoDefaults, functions: { stack: join(functionsDir, 'stack.yml') } };
  return loadConfig({
    file: configFile,
    defaultFile: 'bramble.yaml',
    env,
    overrides,
    ...(isDemo ? { base } : {}),
  });
}

async function stop(running: Running, ending: Ending): Promise<void> {
  const failures = await running.stop();
  if (failures.length > 0) ending.end(1);
}

function welcome(parts: { config: Config; node: string; password: GatewayPassword; agent: AgentServices }) {
  const { config, node, password, agent } = parts;
  return {
    version: pkg.version,
    node,
    gatewayUrl: agent.gateway?.addresses[0] ?? 'none (role serve is off)',
    user: config.gateway.user,
    password: password.password,
    passwordFile: password.file,
    brokerUrl: brokerUrl(config.mqtt),
    dataDir: config.dataDir,
    startMs: performance.now(),
    isSimulated: agent.hardware.simulation !== undefined,
  };
}

/** How the agent comes to its end: by a signal, by the user, or by an error that nobody caught. */
class Ending {
  readonly status: Promise<number>;
  readonly #abort = new AbortController();
  readonly #dispose: () => void;
  #resolve: (status: number) => void = () => {};
  #worst = 0;

  constructor(log: Log) {
    this.status = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    const onDefect = (err: unknown) => {
      this.end(1);
      log.error({ err }, 'uncaught error, stopping');
    };
    const offTermination = onTermination((signal) => {
      log.info({ signal }, 'stopping');
      this.end(0);
    });
    process.on('uncaughtException', onDefect);
    process.on('unhandledRejection', onDefect);
    this.#dispose = () => {
      offTermination();
      process.off('uncaughtException', onDefect);
      process.off('unhandledRejection', onDefect);
    };
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The first call ends the agent; a later one can only make the status worse. */
  end(status: number): void {
    this.#worst = Math.max(this.#worst, status);
    this.#abort.abort(new Error('the agent is stopping'));
    this.#resolve(this.#worst);
  }

  dispose(): void {
    this.#dispose();
  }
}
