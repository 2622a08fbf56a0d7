/** What is true of a node now, read in one go over its connection. */
export interface NodeFacts {
  /** As Debian names it: `arm64`, `armhf`, `amd64`. */
  readonly architecture: string;
  readonly os: { readonly id: string; readonly codename: string; readonly prettyName: string };
  /** `Raspberry Pi 4 Model B Rev 1.4`; empty where the firmware does not say. */
  readonly model: string;
  readonly hostName: string;
  /** Not those of Docker's own bridges, which are the same everywhere. */
  readonly addresses: readonly string[];
  readonly memoryBytes: number;
  /** Of the disk that Docker's images and the agent's data are on. */
  readonly diskUsedBytes: number;
  readonly diskFreeBytes: number;
  readonly hasMemoryCgroup: boolean;
  /** How far the node's clock is ahead of ours, at least: what may be the way there and back is not counted. */
  readonly clockOffsetMs: number;
  readonly bootId: string;
  /** Which flash of the card has booted; `undefined` on a machine that we did not flash. */
  readonly flashId: string | undefined;
  /** Hardware whose traces are there: a 1-Wire probe, an IIO sensor, a GPIO chip. */
  readonly hardware: readonly string[];
  readonly docker: DockerFacts | undefined;
  /** That Docker has here under names of a registry such as the cluster's: `192.168.1.21:5000/bramble:0.1.0`. */
  readonly images: readonly string[];
  readonly registry: RegistryFacts;
}

/** What a node has of the cluster's own registry. */
export interface RegistryFacts {
  /** Where it runs here. */
  readonly served: ServedRegistry | undefined;
  /** By address, `192.168.1.21:5000`: the SHA-256 of the authority whose certificate Docker has for it, and will have for a month. */
  readonly trusted: Readonly<Record<string, string>>;
}

export interface ServedRegistry {
  readonly address: string;
  /** Of its configuration. */
  readonly revision: string;
  /** SHA-256 of its authority's certificate. */
  readonly authority: string;
  /** `bramble:0.1.0`, of names without a slash. */
  readonly images: readonly string[];
}

export interface DockerFacts {
  readonly version: string;
  /** `undefined` where it came by another way than a package that we know. */
  readonly package: DockerPackage | undefined;
  readonly isRunning: boolean;
  /** Registries that it may talk to without TLS. */
  readonly insecureRegistries: readonly string[];
  readonly swarm: SwarmMembership;
}

export interface DockerPackage {
  /** Debian's `docker.io`, or Docker's own `docker-ce`. */
  readonly source: 'debian' | 'docker';
  /** As apt has it: `5:27.3.1-1~debian.12~bookworm`. */
  readonly version: string;
  /** No upgrade of other packages moves it. */
  readonly isHeld: boolean;
}

export interface SwarmMembership {
  readonly state: 'inactive' | 'pending' | 'active' | 'error' | 'locked';
  readonly nodeId: string;
  /** Of the Swarm's own, on managers only. */
  readonly clusterId: string;
  readonly isManager: boolean;
  readonly address: string;
}
