/** Where the screen writes: a terminal, or a pipe that gets plain lines only. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface Welcome {
  readonly version: string;
  readonly node: string;
  readonly gatewayUrl: string;
  readonly user: string;
  readonly password: string;
  readonly passwordFile: string | undefined;
  readonly brokerUrl: string;
  readonly dataDir: string;
  readonly startMs: number;
}

/** What the last line of a terminal shows, redrawn whenever a part of it changes. */
export interface LiveState {
  /** The pixels as coloured blocks, from `renderBar`. */
  bar: string;
  celsius: number | undefined;
  isMotion: boolean;
}

/**
 * The start screen of `bramble dev`: addresses and password once, then a line for each event. On a terminal the last
 * line is live and keys are offered; elsewhere nothing is ever redrawn.
 */
export class Screen {
  readonly #output: Output;
  readonly #live: LiveState = { bar: '', celsius: undefined, isMotion: false };
  #drawn = '';

  constructor(output: Output) {
    this.#output = output;
  }

  welcome(welcome: Welcome): void {
    this.print(renderWelcome(welcome, this.#output.isTTY === true));
  }

  /** Prints a line above the live one. */
  print(line: string): void {
    if (this.#output.isTTY !== true) {
      this.#output.write(`${line}\n`);
      return;
    }
    this.#output.write(`\r\x1b[2K${line}\n`);
    this.#drawn = '';
    this.#draw();
  }

  update(change: Partial<LiveState>): void {
    Object.assign(this.#live, change);
    if (this.#output.isTTY === true) this.#draw();
  }

  close(): void {
    if (this.#output.isTTY === true) this.#output.write('\r\x1b[2K');
  }

  #draw(): void {
    const line = renderLive(this.#live);
    if (line === this.#drawn) return;
    this.#drawn = line;
    this.#output.write(`\r\x1b[2K${line}`);
  }
}

export function renderWelcome(welcome: Welcome, isTerminal: boolean): string {
  const kept = welcome.passwordFile === undefined ? '' : `   (kept in ${welcome.passwordFile})`;
  const keys = isTerminal ? '\n  keys       m motion   + warmer   - cooler   u under-voltage   q quit' : '';
  return `
  Bramble ${welcome.version}, node ${welcome.node}: ready in ${Math.round(welcome.startMs)} ms

  gateway    ${welcome.gatewayUrl}
  user       ${welcome.user}
  password   ${welcome.password}${kept}
  broker     ${welcome.brokerUrl}
  data       ${welcome.dataDir}

  try        npm run -s bramble simulate motion
             npm run -s bramble list${keys}
`;
}

function renderLive({ bar, celsius, isMotion }: LiveState): string {
  const temperature = celsius === undefined ? '--.- °C' : `${celsius.toFixed(1)} °C`;
  return `  ${bar}  ${temperature}  ${isMotion ? 'motion!' : 'no motion'} `;
}
