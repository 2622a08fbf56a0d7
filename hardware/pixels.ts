export interface Pixel {
  /** 0 to 255 each. */
  readonly red: number;
  readonly green: number;
  readonly blue: number;
  /** 0 to 31, the APA102's own scale; 0 is dark. */
  readonly brightness: number;
}

export const dark: Pixel = { red: 0, green: 0, blue: 0, brightness: 0 };

/** A row of coloured LEDs. */
export interface Pixels {
  readonly size: number;
  open(): Promise<void>;
  /** Shows exactly these; missing ones are dark. Throws GPIO_UNAVAILABLE when the lines are gone. */
  show(pixels: readonly Pixel[]): void;
  /** Dark, then given back. */
  close(): Promise<void>;
}
