/** Of several managers one acts: it publishes the catalogue, scales, and fires schedules. */
export interface Leader {
  isLeader(): boolean;
  /** Called after each change. Returns the function that ends it. */
  onChange(listener: () => void): () => void;
}
