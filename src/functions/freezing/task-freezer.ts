/** Stops and resumes all processes of a container on this node, without their noticing. */
export interface TaskFreezer {
  /**
   * Resolves when no process of it runs any more. Rejects NOT_FOUND without such a container, UNSUPPORTED where its
   * cgroup cannot be written; then everything runs as before.
   */
  freeze(containerId: string): Promise<void>;
  /** Resolves when all of it runs, also when it is gone. Rejects UNSUPPORTED. */
  thaw(containerId: string): Promise<void>;
  /** False for a container that is gone. */
  isFrozen(containerId: string): Promise<boolean>;
}
