/** A long-lived part of the agent. Constructors only store; `start` opens, `stop` gives everything back. */
export interface Service {
  readonly name: string;
  /** Resolves when usable. If it throws, it has cleaned up after itself. */
  start(signal: AbortSignal): Promise<void>;
  /** Called once, also when `start` of a later service failed. */
  stop(): Promise<void>;
}
