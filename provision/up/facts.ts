/** What is true of a node now, read in one go over its connection. */
export interface NodeFacts {
  /** As Debian names it: `arm64`, `armhf`, `amd64`. */
  readonly architecture: string;
  readonly os: { readonly id: string; readonly codename: string; readonly prettyName: string };
  /** `Raspberry Pi 4 Model B Rev 1.4`; empty where the firmware does not say. */
  readonly model: string;
  readonly hostName: string;
  readonly addresses: readonly string[];
  readonly memoryBytes: number;
  readonly diskFreeBytes: number;
  readonly hasMemoryCgroup: boolean;
  /** The node's clock against ours, after half of the way there and back. */
  readonly clockOffsetMs: number;
  readonly bootId: string;
  /** Which flash of the card has booted; `undefined` on a machine that we did not flash. */
  readonly flashId: string | undefined;
  /** Hardware whose traces are there: a 1-Wire probe, an IIO sensor, a GPIO chip. */
  readonly hardware: readonly string[];
  readonly docker: DockerFacts | undefined;
}

export interface DockerFacts {
  readonly version: string;
  readonly isRunning: boolean;
  /** Registries that it may talk to without TLS. */
  readonly insecureRegistries: readonly string[];
  readonly swarm: SwarmMembership;
}

export interface SwarmMembership {
  readonly state: 'inactive' | 'pending' | 'active' | 'error' | 'locked';
  readonly nodeId: string;
  /** Of the Swarm's own, on managers only. */
  readonly clusterId: string;
  readonly isManager: boolean;
  readonly address: string;
}
