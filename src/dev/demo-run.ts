import type { ReadStream } from 'node:tty';
import { renderBar } from '../../hardware/pixels.terminal.ts';
import { toEnvelope } from '../events/codec.ts';
import type { Envelope } from '../events/event.ts';
import { filters } from '../events/topics.ts';
import type { AgentServices } from '../main/compose.ts';
import type { Simulation } from '../main/hardware.ts';
import type { Clock } from '../support/clock.ts';
import { guard } from '../support/guard.ts';
import type { Log } from '../support/log.ts';
import { type KeyActions, listenForKeys } from './keys.ts';
import { colourOf, cut, describeEvent } from './lines.ts';
import { localTime } from './log-lines.ts';
import type { Screen, Welcome } from './screen.ts';

/** So often is the simulated thermometer looked at, between its events. */
const lookMs = 1_000;
/** How long somebody who passes is seen. A PIR such as the HC-SR501 pulses for 2 to 3 s in its shortest setting. */
const passingMs = 2_000;
/** More than the change that `guard` calls heat: one key press is enough. */
const stepCelsius = 1.5;

export interface DemoParts {
  readonly agent: AgentServices;
  readonly screen: Screen;
  readonly stdin: Pick<ReadStream, 'isTTY' | 'setRawMode' | 'on' | 'off' | 'resume' | 'pause'>;
  readonly quit: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** What a person who types `npm start` sees: the start screen, the bar of LEDs, events as they come, and keys. */
export class Demo {
  readonly #parts: DemoParts;
  readonly #release: (() => unknown)[] = [];
  #cancelStill: () => void = () => {};
  /** Events that came before the start screen. */
  #early: Envelope[] | undefined = [];

  constructor(parts: DemoParts) {
    this.#parts = parts;
  }

  /** Called before the agent starts, so that not even its first event is missed. */
  async listen(): Promise<void> {
    const { agent, clock } = this.#parts;
    const unsubscribe = await agent.bus.subscribe(filters.everyEvent, (message) => {
      if (message.retain) return;
      const event = toEnvelope(message, { id: '', time: new Date(clock.nowMs()).toISOString() });
      if (this.#early === undefined) this.#show(event);
      else this.#early.push(event);
    });
    this.#release.push(unsubscribe);
  }

  async start(welcome: Welcome): Promise<void> {
    const { agent, screen, stdin, quit } = this.#parts;
    const { simulation } = agent.hardware;
    screen.welcome(welcome);
    if (simulation !== undefined) await this.#watch(simulation);
    this.#release.push(listenForKeys(stdin, simulation === undefined ? {} : this.#keys(simulation), quit));
    for (const event of this.#early ?? []) this.#show(event);
    this.#early = undefined;
  }

  stop(): void {
    this.#cancelStill();
    for (const release of this.#release.splice(0)) void release();
    this.#parts.screen.close();
  }

  async #watch({ pixels, state }: Simulation): Promise<void> {
    const { screen, clock, log } = this.#parts;
    const look = async () => screen.update({ celsius: (await state()).celsius });
    screen.update({ bar: renderBar(pixels.shown) });
    await look();
    this.#release.push(
      pixels.watch((shown) => screen.update({ bar: renderBar(shown) })),
      clock.every(lookMs, guard(log, look)),
    );
  }

  #show(event: Envelope): void {
    const { screen } = this.#parts;
    if (event.type === 'motion.detected' || event.type === 'motion.cleared') {
      screen.update({ isMotion: event.type === 'motion.detected' });
    }
    const indent = event.type.startsWith('function.') ? '  ' : '';
    const line = cut(`${localTime(event.time)}  ${indent}${describeEvent(event)}`, screen.width);
    const colour = colourOf(event);
    screen.print(colour === undefined ? line : screen.paint(colour, line));
  }

  #keys({ change, state }: Simulation): KeyActions {
    const { clock, log } = this.#parts;
    const warm = async (by: number) => change({ celsius: (await state()).celsius + by });
    const pass = async () => {
      this.#cancelStill();
      await change({ motion: true });
      this.#cancelStill = clock.after(
        passingMs,
        guard(log, () => change({ motion: false })),
      );
    };
    const toggle = async () => change({ throttling: { underVoltage: !(await state()).isUnderVoltage } });
    return {
      m: guard(log, pass),
      '+': guard(log, () => warm(stepCelsius)),
      '-': guard(log, () => warm(-stepCelsius)),
      u: guard(log, toggle),
    };
  }
}
