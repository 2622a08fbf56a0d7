import { isDeepStrictEqual } from 'node:util';
import type { Pixel, Pixels } from '../../hardware/pixels.ts';
import type { Bus, Incoming } from '../bus/bus.ts';
import { publishState } from '../bus/publish-state.ts';
import { topics } from '../events/topics.ts';
import type { Service } from '../lifecycle/service.ts';
import type { Clock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import type { Metrics } from '../support/metrics.ts';
import type { Cluster, NodeView } from './cluster.ts';
import { applyCommand, decodeGaugeCommand, type GaugeCommand, type Showing } from './command.ts';
import { drawGauge, type View } from './gauge.ts';
import { encodeGaugeState } from './gauge-state.ts';
import { isNight, type Night } from './night.ts';
import { PixelRow } from './pixel-row.ts';
import { smooth } from './smooth.ts';

export interface DisplayOptions {
  readonly node: string;
  readonly pixels: Pixels;
  readonly cluster: Pick<Cluster, 'nodes'>;
  readonly bus: Pick<Bus, 'publish' | 'subscribe' | 'onState' | 'state'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Shown until a command says otherwise, and again after each start: commands are not kept. */
  readonly view: View;
  readonly brightness: number;
  readonly nightBrightness: number;
  /** Without it there is no night. */
  readonly night?: Night;
  readonly sampleMs: number;
  /** Weight of the newest sample, 0 to 1. */
  readonly smoothing: number;
  /** In [0, 1): spreads the attempts to open pixels that failed. */
  readonly random?: () => number;
}

/**
 * Draws the cluster's load, or what a command asks for. A command with `forMs` lies over what was shown before and
 * gives way to it again; any newer command ends it. Pixels and the retained state are written on change only.
 */
export class Display implements Service {
  readonly name = 'display';
  readonly #options: DisplayOptions;
  readonly #row: PixelRow;
  readonly #badCommands;
  #lasting: Showing;
  #passing: { readonly showing: Showing; readonly cancel: () => void } | undefined;
  #nodes: readonly NodeView[] = [];
  #frame: readonly Pixel[] | undefined;
  #state = '';
  #release: readonly (() => unknown)[] = [];

  constructor(options: DisplayOptions) {
    this.#options = options;
    this.#row = new PixelRow(options);
    this.#lasting = { view: options.view, colour: { red: 255, green: 255, blue: 255 } };
    this.#badCommands = options.metrics.counter(
      'bramble_gauge_commands_ignored_total',
      'Messages to the gauge that were not a command',
    );
  }

  async start(): Promise<void> {
    const { bus, clock, node, sampleMs } = this.#options;
    const onCommand = (message: Incoming) => this.#onCommand(message);
    const subscriptions = await Promise.all([
      bus.subscribe(topics.setGauge(node), onCommand),
      bus.subscribe(topics.setGauge('all'), onCommand),
    ]);
    this.#row.start();
    this.#tick();
    this.#release = [
      ...subscriptions,
      clock.every(sampleMs, () => this.#tick()),
      bus.onState(() => this.#publish()),
    ];
  }

  async stop(): Promise<void> {
    this.#passing?.cancel();
    await Promise.all([...this.#release.map((release) => release()), this.#row.stop()]);
  }

  /** Obeys at once. */
  apply(command: GaugeCommand): void {
    this.#passing?.cancel();
    this.#passing = undefined;
    const showing = applyCommand(this.#lasting, command);
    if (command.forMs === undefined) this.#lasting = showing;
    else this.#passing = { showing, cancel: this.#options.clock.after(command.forMs, () => this.#return()) };
    this.#draw();
  }

  get #showing(): Showing {
    return this.#passing?.showing ?? this.#lasting;
  }

  #onCommand({ topic, payload, retain }: Incoming): void {
    try {
      const command = decodeGaugeCommand(payload);
      // A retained command comes with every connection: fine for a lasting view, but an alert is over once it is over.
      if (!retain || command.forMs === undefined) this.apply(command);
    } catch (err) {
      this.#badCommands.inc();
      this.#options.log.warn({ topic, err: messageOf(err) }, 'gauge command ignored');
    }
  }

  #return(): void {
    this.#passing = undefined;
    this.#draw();
  }

  #tick(): void {
    const { cluster, smoothing } = this.#options;
    this.#nodes = smooth(this.#nodes, cluster.nodes(), smoothing);
    this.#draw();
  }

  #draw(): void {
    const { view, colour } = this.#showing;
    const brightness = this.#brightness();
    const { node } = this.#options;
    const frame = drawGauge({ view, colour, brightness, nodes: this.#nodes, node }, this.#row.size);
    if (!isDeepStrictEqual(frame, this.#frame)) this.#row.show(frame);
    this.#frame = frame;
    const state = encodeGaugeState({ view, brightness, ...colour }, frame);
    if (state === this.#state) return;
    this.#state = state;
    this.#publish();
  }

  #brightness(): number {
    const { brightness, nightBrightness, night, clock } = this.#options;
    const isDim = night !== undefined && isNight(clock.nowMs(), night);
    return this.#showing.brightness ?? (isDim ? nightBrightness : brightness);
  }

  #publish(): void {
    const { bus, log, node } = this.#options;
    void publishState(bus, log, {
      topic: topics.gauge(node),
      payload: this.#state,
      contentType: 'application/json',
      qos: 0,
    });
  }
}
