import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { roundHalfToEven } from '../../src/image/center-crop.js';
import { ConvNextImageProcessor } from '../../src/index.js';
import { timmPreprocessor } from '../../src/weights/timm-config.js';
import { failure } from '../helpers.js';

/** What timm's own transforms gave: see timm/make.py. */
const CASES: readonly {
  readonly pretrained_cfg: Readonly<Record<string, unknown>>;
  readonly height: number;
  readonly width: number;
  readonly shape: readonly number[];
  readonly sum: number;
  readonly at: readonly number[];
  readonly values: readonly number[];
}[] = JSON.parse(readFileSync(new URL('timm/transforms.json', import.meta.url), 'utf8'));

describe("timm's preprocessing", () => {
  for (const { pretrained_cfg, height, width, shape, sum, at, values } of CASES) {
    const { input_size, crop_pct, crop_mode = 'center' } = pretrained_cfg;
    it(`${crop_mode} to ${input_size} with ${crop_pct} of ${height} x ${width}`, async () => {
      const json = timmPreprocessor({ architecture: 'convnext_tiny', pretrained_cfg });
      const processor = ConvNextImageProcessor.fromJSON(json, 'config.json');
      // the same again once written and read
      const again = ConvNextImageProcessor.fromJSON(JSON.parse(JSON.stringify(processor)), 'written');
      const data = Uint8Array.from({ length: height * width * 3 }, (_, i) => (i * 37 + Math.floor(i / 5)) % 256);
      for (const each of [processor, again]) {
        const { pixelValues } = await each.preprocess({ data, height, width, channels: 3 });
        expect(pixelValues.shape.slice(1)).to.deep.equal(shape);
        const found = await pixelValues.data<'float32'>();
        pixelValues.dispose();
        for (const [i, index] of at.entries()) expect(found[index]).to.be.closeTo(values[i], 1e-6);
        expect(found.reduce((total, value) => total + value, 0)).to.be.closeTo(sum, 1e-3);
      }
    });
  }

  it("has timm's defaults", () => {
    expect(timmPreprocessor({ architecture: 'convnext_tiny' })).to.deep.equal({
      size: { shortest_edge: 224 },
      crop_pct: 0.875,
      crop_mode: 'center',
      resample: 3,
      image_mean: [0.485, 0.456, 0.406],
      image_std: [0.229, 0.224, 0.225],
    });
  });

  it('is for the size of training; the size of tests is an option of a call', async () => {
    const pretrained_cfg = { input_size: [3, 16, 16], test_input_size: [3, 20, 20], test_crop_pct: 1 };
    const processor = ConvNextImageProcessor.fromJSON(timmPreprocessor({ architecture: 'x', pretrained_cfg }), 'x');
    expect(processor.size).to.deep.equal({ shortestEdge: 16 });
    const image = { data: new Uint8Array(30 * 30 * 3), height: 30, width: 30, channels: 3 } as const;
    const { pixelValues } = await processor.preprocess(image, { size: 20, cropPct: 1 });
    expect(pixelValues.shape).to.deep.equal([1, 20, 20, 3]);
    pixelValues.dispose();
  });

  it('refuses modes, filters and sizes that there are not', async () => {
    const read = (pretrained_cfg: object) =>
      failure(() => ConvNextImageProcessor.fromJSON(timmPreprocessor({ architecture: 'x', pretrained_cfg }), 'x'));
    expect((await read({ crop_mode: 'centre' })).message).to.contain('crop_mode');
    expect((await read({ interpolation: 'random' })).message).to.contain('resample');
    expect((await read({ crop_pct: 300 })).message).to.contain('crop_pct');
    const mixed = { size: { shortestEdge: 3, height: 3, width: 3 }, cropMode: 'center' } as const;
    expect((await failure(() => new ConvNextImageProcessor(mixed))).message).to.contain('size');
    const sides = await failure(() => new ConvNextImageProcessor({ size: { height: 3, width: 4 } }));
    expect(sides.message).to.contain('size');
  });

  it('rounds halves to the even number', () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.4, 2.6].map(roundHalfToEven)).to.deep.equal([0, 2, 2, 0, -2, 2, 3]);
  });
});
