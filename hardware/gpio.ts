export type Level = 0 | 1;

export interface InputOptions {
  /** The pin reads 1 when its voltage is low. */
  readonly activeLow?: boolean;
}

/** A line that is read. */
export interface InputLine {
  /** BCM number. */
  readonly bcm: number;
  /** The level now. Rejects with GPIO_UNAVAILABLE when the line is gone. */
  read(): Promise<Level>;
  /**
   * Calls `listener` after each edge with the level read then; two edges closer than a read may come as one call or as
   * two with the same level. A dying watch calls `onFault` once with a GPIO_UNAVAILABLE error and never throws.
   */
  watch(listener: (level: Level) => void, onFault: (err: Error) => void): () => void;
  close(): Promise<void>;
}

/** A line that is driven. Writes are synchronous: a bit-banged frame must not be reordered or interleaved. */
export interface OutputLine {
  readonly bcm: number;
  /** Throws GPIO_UNAVAILABLE when the line is gone. */
  write(level: Level): void;
  /** Leaves the line low and gives it back. */
  close(): Promise<void>;
}

/** GPIO by BCM number, whatever the kernel numbers its lines from. Opening rejects with GPIO_UNAVAILABLE. */
export interface Gpio {
  openInput(bcm: number, options?: InputOptions): Promise<InputLine>;
  /** The line starts low. */
  openOutput(bcm: number): Promise<OutputLine>;
}
