import type { Paint } from '../cli/paint.ts';

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
  /** Keys move the simulated sensors; elsewhere there is nothing to move. */
  readonly isSimulated: boolean;
}

/** What the last line of a terminal shows, redrawn whenever a part of it changes. */
export interface LiveState {
  /** The pixels as coloured blocks, from `renderBar`. */
  bar: string;
  celsius: number | undefined;
  isMotion: boolean;
}

const clearToEnd = '\x1b[K';
const defaultGateway = 'http://127.0.0.1:8080';
const usualWidth = 80;

/**
 * The start screen of `bramble dev`: addresses and password once, then a line for each event. On a terminal the last
 * line is live and keys are offered; elsewhere nothing is ever redrawn.
 */
export class Screen {
  readonly isTerminal: boolean;
  readonly paint: Paint;
  readonly #output: Output;
  /** Drawn from the first update until `close`. */
  #live: LiveState | undefined;
  #drawn = '';

  constructor(output: Output, paint: Paint) {
    this.isTerminal = output.isTTY === true;
    this.paint = paint;
    this.#output = output;
  }

  /** Characters that fit on a line without wrapping; no bound where there is no terminal. */
  get width(): number {
    return this.isTerminal ? (this.#output.columns ?? usualWidth) - 1 : Number.POSITIVE_INFINITY;
  }

  welcome(welcome: Welcome): void {
    this.print(renderWelcome(welcome, { isTerminal: this.isTerminal, paint: this.paint }));
  }

  /** Prints a line above the live one. */
  print(line: string): void {
    // In one write, so that the live line is never seen to be missing.
    this.#output.write(this.isTerminal ? `\r${line}${clearToEnd}\n${this.#drawn}` : `${line}\n`);
  }

  update(change: Partial<LiveState>): void {
    if (!this.isTerminal) return;
    this.#live = { bar: '', celsius: undefined, isMotion: false, ...this.#live, ...change };
    const line = `${renderLive(this.#live, this.paint)}${clearToEnd}`;
    if (line === this.#drawn) return;
    this.#drawn = line;
    this.#output.write(`\r${line}`);
  }

  /** Gives the last line back to whoever writes next. */
  close(): void {
    if (this.#live !== undefined) this.#output.write(`\r${clearToEnd}`);
    this.#live = undefined;
    this.#drawn = '';
  }
}

interface Look {
  readonly isTerminal: boolean;
  readonly paint: Paint;
}

export function renderWelcome(welcome: Welcome, { isTerminal, paint }: Look): string {
  const { version, node, gatewayUrl, user, password, passwordFile, brokerUrl, dataDir, startMs } = welcome;
  const kept = passwordFile === undefined ? '' : `   (kept in ${passwordFile})`;
  const gateway = gatewayUrl === defaultGateway ? '' : ` -g ${gatewayUrl}`;
  const title = paint('bold', `Bramble ${version}, node ${node}`);
  const lines = [
    '',
    `${title}: ready in ${Math.round(startMs)} ms`,
    '',
    `gateway    ${gatewayUrl}`,
    `user       ${user}`,
    `password   ${password}${kept}`,
    `broker     ${brokerUrl}`,
    `data       ${dataDir}`,
    '',
    'in a second terminal, in this folder:',
    ...(welcome.isSimulated ? [`           npx bramble simulate motion${gateway}`] : []),
    `           npx bramble invoke echo -d hello${gateway}`,
    '           npx bramble --help',
    ...(isTerminal ? keys(welcome) : []),
  ];
  return `${lines.map((line) => (line === '' ? '' : `  ${line}`)).join('\n')}\n`;
}

function keys({ isSimulated }: Welcome): string[] {
  const sensors = isSimulated ? 'm motion   + warmer   - cooler   u under-voltage   ' : '';
  return ['', `keys       ${sensors}q quit`];
}

function renderLive({ bar, celsius, isMotion }: LiveState, paint: Paint): string {
  const temperature = celsius === undefined ? '--.- °C' : `${celsius.toFixed(1)} °C`;
  return `  ${bar}  ${temperature}  ${isMotion ? paint('yellow', 'motion!') : paint('dim', 'no motion')} `;
}
