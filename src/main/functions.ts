import type { Bus } from '../bus/bus.ts';
import type { Outbox } from '../bus/outbox/outbox.ts';
import type { Config } from '../config/schema.ts';
import { LocalCatalogue } from '../functions/catalogue.local.ts';
import type { Catalogue } from '../functions/catalogue.ts';
import type { Invoke } from '../functions/invoke.ts';
import { ProcessRuntime } from '../functions/runtime.process.ts';
import type { Forwarding, Managing } from '../gateway/ports.ts';
import type { Service } from '../lifecycle/service.ts';
import type { Store } from '../store/store.ts';
import type { Clock } from '../support/clock.ts';
import type { Log } from '../support/log.ts';
import type { Metrics } from '../support/metrics.ts';
import type { Scheduler } from '../triggers/schedule/scheduler.ts';
import { stackDeployment } from './deploy-stack.ts';

/** Where functions run, as seen by one agent, whichever runtime it is. */
export interface FunctionParts {
  readonly catalogue: Catalogue;
  /** Is it this node that deploys, or does it pass on what is asked of it? */
  readonly managing: Managing | Forwarding;
  /** Called when a function has no replica that could take a request. */
  readonly wake?: (name: string) => void;
  /** Puts something around each call. */
  readonly around: (invoke: Invoke) => Invoke;
  /** Keeps where schedules stand. */
  readonly schedules: Pick<Store, 'documents' | 'putDocument' | 'removeDocument'>;
  /** Resolves when where a schedule stands is known as others left it. */
  readonly catchUp: (functionName: string) => Promise<void>;
  /** Makes a service run only while this node is the one that acts. */
  readonly whileActing: (create: () => Service) => Service;
  /** To be started before the bus is, and after it; the latter are told how many deliveries wait for a function. */
  readonly beforeBus: readonly Service[];
  readonly afterBus: (waiting: (name: string) => number) => readonly Service[];
}

export interface FunctionBase {
  readonly config: Config;
  readonly node: string;
  readonly functionsDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly store: Store;
  readonly bus: Bus;
  readonly outbox: Outbox;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Functions as processes of this machine: whoever serves them deploys them too. */
export function processFunctions(base: FunctionBase): FunctionParts {
  const { config, store, scheduler, log } = base;
  const { maxAnswerBytes, logBytes, stack } = config.functions;
  const runtime = new ProcessRuntime({
    ...base,
    dataDir: config.dataDir,
    maxAnswerBytes,
    logBytes,
    scheduleProblem: (schedule) => scheduler.problem(schedule),
  });
  const catalogue = new LocalCatalogue(runtime, log);
  const deployment = stack === undefined ? [] : [stackDeployment({ ...base, runtime, file: stack })];
  return {
    catalogue,
    managing: { runtime },
    around: (invoke) => invoke,
    schedules: store,
    catchUp: async () => {}, // there is nobody else
    whileActing: (create) => create(),
    beforeBus: [runtime, catalogue, ...deployment],
    afterBus: () => [],
  };
}
