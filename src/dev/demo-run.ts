import type { ReadStream } from 'node:tty';
import { renderBar } from '../../hardware/pixels.terminal.ts';
import { toEnvelope } from '../events/codec.ts';
import type { Envelope } from '../events/event.ts';
import { filters } from '../events/topics.ts';
import type { AgentServices } from '../main/compose.ts';
import { type KeyActions, listenForKeys } from './keys.ts';
import { describeEvent } from './lines.ts';
import { type Output, Screen, type Welcome } from './screen.ts';

export interface DemoTerminal {
  readonly stdout: Output;
  readonly stdin: Pick<ReadStream, 'isTTY' | 'setRawMode' | 'on' | 'off' | 'resume' | 'pause'>;
}

/** What a person who types `npm start` sees: the start screen, the bar of LEDs, events as they come, and keys. */
export class Demo {
  readonly #agent: AgentServices;
  readonly #terminal: DemoTerminal;
  readonly #quit: () => void;
  readonly #screen: Screen;
  readonly #release: (() => unknown)[] = [];

  constructor(agent: AgentServices, terminal: DemoTerminal, quit: () => void) {
    this.#agent = agent;
    this.#terminal = terminal;
    this.#quit = quit;
    this.#screen = new Screen(terminal.stdout);
  }

  async start(welcome: Welcome): Promise<void> {
    this.#screen.welcome(welcome);
    const { bus, hardware } = this.#agent;
    const simulation = hardware.simulation;
    if (simulation !== undefined) {
      this.#screen.update({ bar: renderBar(simulation.pixels.shown) });
      this.#release.push(
        simulation.pixels.watch((pixels) => this.#screen.update({ bar: renderBar(pixels) })),
      );
    }
    this.#release.push(listenForKeys(this.#terminal.stdin, this.#keys(), this.#quit));
    this.#release.push(
      await bus.subscribe(filters.everyEvent, (message) => {
        if (message.retain) return;
        const now = new Date().toISOString();
        this.#show(toEnvelope(message, { id: '', time: now }));
      }),
    );
  }

  stop(): void {
    for (const release of this.#release.splice(0)) void release();
    this.#screen.close();
  }

  #show(event: Envelope): void {
    if (event.type === 'motion.detected' || event.type === 'motion.cleared') {
      this.#screen.update({ isMotion: event.type === 'motion.detected' });
    }
    if (event.type === 'temperature.measured' && !event.topic.endsWith('/soc')) {
      this.#screen.update({ celsius: Number(JSON.parse(Buffer.from(event.data).toString()).celsius) });
    }
    this.#screen.print(`${event.time.slice(11, 19)}  ${describeEvent(event)}`);
  }

  #keys(): KeyActions {
    const simulation = this.#agent.hardware.simulation;
    if (simulation === undefined) return {};
    const warm = async (by: number) =>
      simulation.change({ celsius: (await simulation.state()).celsius + by });
    return {
      m: async () => simulation.change({ motion: !(await simulation.state()).isMotion }),
      '+': () => warm(1),
      '-': () => warm(-1),
      u: async () =>
        simulation.change({ throttling: { underVoltage: !(await simulation.state()).isUnderVoltage } }),
    };
  }
}
