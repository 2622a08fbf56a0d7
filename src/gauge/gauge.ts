import { dark, type Pixel } from '../../hardware/pixels.ts';
import { clusterStrain, type NodeView } from './cluster.ts';

/** `cluster`: a bar of all nodes' strain. `nodes`: one pixel a node. `node`: a bar of this node. `solid`: one colour. */
export type View = 'cluster' | 'nodes' | 'node' | 'solid';

/** Light of each channel, 0 to 255. */
export interface Colour {
  readonly red: number;
  readonly green: number;
  readonly blue: number;
}

/** All that decides what the pixels show. */
export interface Picture {
  readonly view: View;
  /** 0 to 31. */
  readonly brightness: number;
  /** Shown by `solid`. */
  readonly colour: Colour;
  /** By name. */
  readonly nodes: readonly NodeView[];
  /** The node that the pixels are on. */
  readonly node: string;
}

const missingColour: Colour = { red: 96, green: 0, blue: 255 };
const throttledColour: Colour = { red: 255, green: 255, blue: 255 };

/** Steps of the last, partly lit pixel: finer ones are not seen and would cost a frame of some 900 line writes each. */
const steps = 16;
/** The eye's response: half the light looks like three quarters. */
const gamma = 2.2;
/** Of full light; less is not seen on a strip. At low brightness the 8 bits of a channel must make up for it. */
const faintestLight = 2 / 255;

/** The colours of `size` pixels, first one first. */
export function drawGauge(picture: Picture, size: number): Pixel[] {
  switch (picture.view) {
    case 'cluster':
      return drawCluster(picture, size);
    case 'nodes':
      return drawNodes(picture, size);
    case 'node':
      return drawOwn(picture, size);
    case 'solid':
      return Array.from({ length: size }, () => lit(picture.colour, picture.brightness));
    default:
      return picture.view satisfies never;
  }
}

/** A bar; at its far end a violet pixel for each missing node, up to half of all, and a white one if any is throttled. */
function drawCluster({ nodes, brightness }: Picture, size: number): Pixel[] {
  const strain = clusterStrain(nodes);
  const missing = nodes.filter(({ state }) => state === 'missing').length;
  const marks: Colour[] = Array.from(
    { length: Math.min(missing, Math.floor(size / 2)) },
    () => missingColour,
  );
  if (nodes.some(({ isThrottled }) => isThrottled)) marks.unshift(throttledColour);
  const bar = strain === undefined ? darkRow(size) : drawBar(strain, brightness, size);
  return withMarks(bar, marks, brightness);
}

/** More nodes than pixels: the missing, the throttled, then the busiest. */
function drawNodes({ nodes, brightness }: Picture, size: number): Pixel[] {
  const shown =
    nodes.length <= size ? nodes : [...nodes].sort((a, b) => urgency(b) - urgency(a)).slice(0, size);
  return Array.from({ length: size }, (_, i) => {
    const node = shown[i];
    return node === undefined ? dark : lit(colourOfNode(node), brightness);
  });
}

function drawOwn({ nodes, node, brightness }: Picture, size: number): Pixel[] {
  const own = nodes.find((one) => one.node === node);
  if (own === undefined) return darkRow(size);
  return withMarks(
    drawBar(own.strain, brightness, size),
    own.isThrottled ? [throttledColour] : [],
    brightness,
  );
}

function urgency({ state, isThrottled, strain }: NodeView): number {
  if (state === 'missing') return 3;
  return isThrottled ? 2 : strain;
}

function colourOfNode({ state, isThrottled, strain }: NodeView): Colour {
  if (state === 'missing') return missingColour;
  return isThrottled ? throttledColour : heat(strain);
}

/** Pixels from green to red; as many as the ratio says, the last one dimmer. At rest one is faintly lit: it lives. */
function drawBar(ratio: number, brightness: number, size: number): Pixel[] {
  return Array.from({ length: size }, (_, i) => {
    const filled = Math.min(1, Math.max(0, ratio * size - i));
    const inSteps = Math.max(Math.round(filled * steps), i === 0 ? 1 : 0) / steps;
    return lit(dim(heat(size > 1 ? i / (size - 1) : ratio), inSteps, brightness), brightness);
  });
}

/** Green at 0, red at 1, with about the same light in between. */
function heat(ratio: number): Colour {
  return { red: Math.round(255 * ratio), green: Math.round(255 * (1 - ratio)), blue: 0 };
}

/** `colour` so that it looks `fraction` as bright, and is seen at all. */
function dim(colour: Colour, fraction: number, brightness: number): Colour {
  if (fraction <= 0 || brightness === 0) return dark;
  const floor = Math.min(1, (faintestLight * 31) / brightness);
  const scale = floor + (1 - floor) * fraction ** gamma;
  const channel = (value: number) => Math.ceil(value * scale);
  return { red: channel(colour.red), green: channel(colour.green), blue: channel(colour.blue) };
}

function lit({ red, green, blue }: Colour, brightness: number): Pixel {
  return brightness === 0 || red + green + blue === 0 ? dark : { red, green, blue, brightness };
}

function darkRow(size: number): Pixel[] {
  return Array.from({ length: size }, () => dark);
}

function withMarks(bar: readonly Pixel[], marks: readonly Colour[], brightness: number): Pixel[] {
  const marked = marks.slice(-bar.length);
  return [...bar.slice(0, bar.length - marked.length), ...marked.map((colour) => lit(colour, brightness))];
}
