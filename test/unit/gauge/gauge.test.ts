import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dark, type Pixel } from '../../../hardware/pixels.ts';
import { drawGauge, type Picture } from '../../../src/gauge/gauge.ts';
import { nodeView } from '../../support/loads.ts';

const white = { red: 255, green: 255, blue: 255 };
const violet = { red: 96, green: 0, blue: 255 };

function draw(fields: Partial<Picture> = {}): Pixel[] {
  return drawGauge(
    { view: 'cluster', brightness: 31, colour: white, nodes: [nodeView()], node: 'pi-01', ...fields },
    8,
  );
}

const light = ({ red, green, blue, brightness }: Pixel) => (red + green + blue) * brightness;
const isLit = (pixel: Pixel) => light(pixel) > 0;
/** A drawing for people: one letter a pixel, small when it is not fully lit. */
const sketch = (pixels: readonly Pixel[]) =>
  pixels
    .map((pixel) => {
      if (!isLit(pixel)) return '.';
      if (pixel.blue === 255) return pixel.green === 255 ? 'W' : 'V';
      const letter = pixel.red > pixel.green ? 'R' : 'G';
      return pixel.red + pixel.green >= 255 ? letter : letter.toLowerCase();
    })
    .join('');

const Strain = fc.double({ min: 0, max: 1, noNaN: true });
const Brightness = fc.integer({ min: 0, max: 31 });
const Node = fc.record({
  node: fc.constantFrom('pi-01', 'pi-02', 'pi-03'),
  state: fc.constantFrom('live' as const, 'missing' as const),
  strain: Strain,
  isThrottled: fc.boolean(),
});
const AnyPicture: fc.Arbitrary<Picture> = fc.record({
  view: fc.constantFrom('cluster' as const, 'nodes' as const, 'node' as const, 'solid' as const),
  brightness: Brightness,
  colour: fc.record({
    red: fc.integer({ min: 0, max: 255 }),
    green: fc.integer({ min: 0, max: 255 }),
    blue: fc.integer({ min: 0, max: 255 }),
  }),
  nodes: fc.array(Node, { maxLength: 12 }),
  node: fc.constant('pi-01'),
});

describe('any picture', () => {
  it('is eight pixels within their ranges, all of the brightness asked for or dark', () => {
    fc.assert(
      fc.property(AnyPicture, (picture) => {
        const pixels = drawGauge(picture, 8);
        expect(pixels).toHaveLength(8);
        for (const { red, green, blue, brightness } of pixels) {
          for (const channel of [red, green, blue]) {
            expect(Number.isInteger(channel)).toBe(true);
            expect(channel).toBeGreaterThanOrEqual(0);
            expect(channel).toBeLessThanOrEqual(255);
          }
          expect([0, picture.brightness]).toContain(brightness);
        }
      }),
    );
  });
});

describe('the view cluster', () => {
  const bar = (strain: number) => sketch(draw({ nodes: [nodeView({ strain })] }));

  it('is a bar from green to red whose last pixel is dimmer', () => {
    expect(bar(0.25)).toBe('GG......');
    expect(bar(0.3)).toBe('GGg.....');
    expect(bar(0.6)).toBe('GGGGr...');
    expect(bar(1)).toBe('GGGGRRRR');
  });

  it('shows a cluster at rest as one faint pixel, and one without live nodes as dark', () => {
    expect(bar(0)).toBe('g.......');
    expect(sketch(draw({ nodes: [] }))).toBe('........');
  });

  it('never grows darker anywhere as the load rises', () => {
    fc.assert(
      fc.property(Strain, Strain, Brightness, (one, other, brightness) => {
        const low = draw({ brightness, nodes: [nodeView({ strain: Math.min(one, other) })] });
        const high = draw({ brightness, nodes: [nodeView({ strain: Math.max(one, other) })] });
        for (const [i, pixel] of low.entries())
          expect(light(pixel)).toBeLessThanOrEqual(light(high[i] ?? dark));
      }),
    );
  });

  it('keeps the dimmest fraction visible at the lowest brightness', () => {
    const [first] = draw({ brightness: 1, nodes: [nodeView({ strain: 0 })] });
    expect(((first?.green ?? 0) / 255) * (1 / 31)).toBeGreaterThanOrEqual(2 / 255);
    const [half, full] = [1 / 16, 1 / 8].map(
      (strain) => draw({ brightness: 1, nodes: [nodeView({ strain })] })[0],
    );
    expect(half?.green).toBeLessThan((full?.green ?? 0) / 1.5);
  });

  it('marks a missing node in violet at the far end, and a throttled one in white beside it', () => {
    const nodes = [nodeView({ strain: 0.25 }), nodeView({ state: 'missing' })];
    expect(sketch(draw({ nodes }))).toBe('GG.....V');
    expect(sketch(draw({ nodes: [...nodes, nodeView({ strain: 0.25, isThrottled: true })] }))).toBe(
      'GG....WV',
    );
  });

  it('keeps half of the bar however many nodes are missing', () => {
    const missing = Array.from({ length: 9 }, () => nodeView({ state: 'missing' }));
    expect(sketch(draw({ nodes: [...missing, nodeView({ strain: 1 })] }))).toBe('GGGGVVVV');
  });
});

describe('the view nodes', () => {
  it('is one pixel a node, by name', () => {
    const nodes = [
      nodeView({ node: 'a', strain: 0 }),
      nodeView({ node: 'b', strain: 1 }),
      nodeView({ node: 'c', state: 'missing' }),
      nodeView({ node: 'd', isThrottled: true }),
    ];
    expect(draw({ view: 'nodes', nodes })).toEqual([
      { red: 0, green: 255, blue: 0, brightness: 31 },
      { red: 255, green: 0, blue: 0, brightness: 31 },
      { ...violet, brightness: 31 },
      { ...white, brightness: 31 },
      dark,
      dark,
      dark,
      dark,
    ]);
  });

  it('puts the worst first when there are more nodes than pixels', () => {
    const nodes = [
      ...Array.from({ length: 8 }, (_, i) => nodeView({ node: `a${i}`, strain: 0.1 })),
      nodeView({ node: 'x', isThrottled: true }),
      nodeView({ node: 'y', strain: 0.9 }),
      nodeView({ node: 'z', state: 'missing' }),
    ];
    expect(sketch(draw({ view: 'nodes', nodes }))).toBe('VWRGGGGG');
  });

  it('grows redder as the load of a node rises', () => {
    fc.assert(
      fc.property(Strain, Strain, (one, other) => {
        const redOf = (strain: number) =>
          draw({ view: 'nodes', nodes: [nodeView({ strain })] })[0]?.red ?? -1;
        expect(redOf(Math.min(one, other))).toBeLessThanOrEqual(redOf(Math.max(one, other)));
      }),
    );
  });
});

describe('the view node', () => {
  it('is the bar of this node alone', () => {
    const nodes = [nodeView({ node: 'pi-02', strain: 1 }), nodeView({ node: 'pi-01', strain: 0.25 })];
    expect(sketch(draw({ view: 'node', nodes }))).toBe('GG......');
  });

  it('ends in white when this node is throttled', () => {
    expect(sketch(draw({ view: 'node', nodes: [nodeView({ strain: 0.25, isThrottled: true })] }))).toBe(
      'GG.....W',
    );
  });

  it('is dark before the first sample', () => {
    expect(sketch(draw({ view: 'node', nodes: [] }))).toBe('........');
  });
});

describe('the view solid', () => {
  it('is the colour given on all pixels', () => {
    const colour = { red: 10, green: 0, blue: 200 };
    expect(draw({ view: 'solid', colour, brightness: 7 })).toEqual(
      Array.from({ length: 8 }, () => ({ ...colour, brightness: 7 })),
    );
  });

  it('is dark at brightness 0', () => {
    expect(draw({ view: 'solid', brightness: 0 })).toEqual(Array.from({ length: 8 }, () => dark));
  });
});
