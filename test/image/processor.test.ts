import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useBackend } from '../../src/backend/use-backend.js';
import { decodeImage } from '../../src/image/decode.js';
import { encodePng } from '../../src/image/draw.js';
import { ConvNextImageProcessor, type PreprocessOptions } from '../../src/image/processor.js';
import type { RawImage } from '../../src/image/raw-image.js';
import { imageProcessor } from '../golden-runner/families/image.js';
import { failure, inFolder } from '../helpers.js';
import { gradient, picture } from './helpers.js';

const BARE = { doResize: false, doRescale: false, doNormalize: false };

async function run(
  processor: ConvNextImageProcessor,
  images: Parameters<ConvNextImageProcessor['preprocess']>[0],
  options?: PreprocessOptions,
): Promise<{ readonly shape: readonly number[]; readonly values: readonly number[] }> {
  const { pixelValues } = await processor.preprocess(images, options);
  const result = { shape: pixelValues.shape, values: [...(await pixelValues.data())] };
  pixelValues.dispose();
  return result;
}

describe('ConvNextImageProcessor', () => {
  let tensors: number;
  before(() => useBackend('cpu'));
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors).to.equal(tensors);
  });

  it('gives NHWC, or NCHW when asked', async () => {
    const image = picture([
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    ]);
    const processor = new ConvNextImageProcessor(BARE);
    expect(await run(processor, image)).to.deep.equal({ shape: [1, 1, 2, 3], values: [1, 2, 3, 4, 5, 6] });
    const nchw = { shape: [1, 3, 1, 2], values: [1, 4, 2, 5, 3, 6] };
    expect(await run(processor, image, { layout: 'NCHW' })).to.deep.equal(nchw);
  });

  it('rescales in double precision, then normalises in single', async () => {
    const image = picture([[[255, 100, 7]]]);
    const processor = new ConvNextImageProcessor({
      doResize: false,
      imageMean: [0.485, 0.456, 0.406],
      imageStd: [0.229, 0.224, 0.225],
    });
    const f = Math.fround;
    const { values } = await run(processor, image);
    expect(values).to.deep.equal([
      f(f(f(255 / 255) - f(0.485)) / f(0.229)),
      f(f(f(100 * (1 / 255)) - f(0.456)) / f(0.224)),
      f(f(f(7 * (1 / 255)) - f(0.406)) / f(0.225)),
    ]);
    // (1 - 0.485) / 0.229, (0.39216 - 0.456) / 0.224, (0.02745 - 0.406) / 0.225
    expect(values.map((value) => value.toFixed(4))).to.deep.equal(['2.2489', '-0.2850', '-1.6824']);
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const all = await run(
      processor,
      { data: bytes, height: 16, width: 16, channels: 1 },
      { imageMean: 0.485, imageStd: 0.229 },
    );
    expect(all.values).to.deep.equal([...bytes].map((byte) => f(f(f(byte * (1 / 255)) - f(0.485)) / f(0.229))));
    const unscaled = await run(processor, image, { doRescale: false, imageMean: 5, imageStd: 2 });
    expect(unscaled.values).to.deep.equal([125, 47.5, 1]);
  });

  it('resizes the shortest edge to size / cropPct below 384, and cuts the middle out', async () => {
    const processor = new ConvNextImageProcessor({
      size: 2,
      cropPct: 0.5,
      resample: 'nearest',
      doRescale: false,
      doNormalize: false,
    });
    // 2 x 4 to 4 x 8 (shortest edge 2 / 0.5), each pixel doubled; the middle 2 x 2 lies in rows 1 and 2, columns 3 and 4
    const image = picture([
      [10, 20, 30, 40],
      [50, 60, 70, 80],
    ]);
    expect((await run(processor, image)).values).to.deep.equal([20, 30, 60, 70]);
    // as int() does: 3 / 0.7 = 4.29 -> 4; 4 * 3 / 2 = 6
    const odd = await run(processor, gradient(2, 3, 1), { size: 3, cropPct: 0.7, doCenterCrop: true, cropSize: 9 });
    expect(odd.shape).to.deep.equal([1, 9, 9, 1]);
    expect(odd.values.filter((value) => value > 0)).to.have.length(9);
  });

  it('squashes to a square from 384 on', async () => {
    const processor = new ConvNextImageProcessor({ resample: 0, doRescale: false, doNormalize: false });
    const { shape, values } = await run(processor, picture([[10, 20]]));
    expect(shape).to.deep.equal([1, 384, 384, 1]);
    expect(values.filter((value) => value === 10)).to.have.length((384 * 384) / 2);
    expect((await run(processor, picture([[10, 20]]), { size: 383 })).values).to.include.members([10, 20]);
  });

  it('crops after resizing, and without', async () => {
    const processor = new ConvNextImageProcessor({ ...BARE, doCenterCrop: true, cropSize: { height: 1, width: 3 } });
    // zeros are laid before rescaling and normalising: (0 - 1) / 2
    const values = (await run(processor, picture([[9], [7], [5]]), { doNormalize: true, imageMean: 1, imageStd: 2 }))
      .values;
    expect(values).to.deep.equal([-0.5, 3, -0.5]);
  });

  it('converts to RGB only when told to', async () => {
    const image = picture([
      [
        [100, 0],
        [100, 255],
      ],
    ]);
    const processor = new ConvNextImageProcessor(BARE);
    expect((await run(processor, image)).shape).to.deep.equal([1, 1, 2, 2]);
    expect((await run(processor, image, { doConvertRgb: true })).values).to.deep.equal([255, 255, 255, 100, 100, 100]);
  });

  it('batches', async () => {
    const [a, b] = [gradient(5, 7, 3), gradient(40, 30, 3)];
    const processor = new ConvNextImageProcessor({ size: 8 });
    const [first, second, both] = [await run(processor, a), await run(processor, [b]), await run(processor, [a, b])];
    expect(both).to.deep.equal({ shape: [2, 8, 8, 3], values: [...first.values, ...second.values] });
  });

  it('reads files as RGB', () =>
    inFolder(async (folder) => {
      const rgba = gradient(6, 5, 4);
      const path = join(folder, 'a.png');
      await writeFile(path, await encodePng(rgba));
      const processor = new ConvNextImageProcessor(BARE);
      const { data } = await decodeImage(path);
      for (const source of [path, pathToFileURL(path), readFileSync(path)]) {
        expect(await run(processor, source)).to.deep.equal({ shape: [1, 6, 5, 3], values: [...data] });
      }
    }));

  it('names both pictures of a batch that come out unequal', async () => {
    const processor = new ConvNextImageProcessor(BARE);
    const error = await failure(() => processor.preprocess([gradient(3, 4, 3), gradient(3, 5, 3)]));
    expect(error).to.include({ code: 'E_SHAPE', path: 'images[1]', got: '3 x 5 x 3' });
    expect(error.wanted).to.equal('3 x 4 x 3, as images[0] is, resized and cropped');
    expect((await failure(() => processor.preprocess([gradient(3, 4, 3), gradient(3, 4, 1)]))).got).to.equal(
      '3 x 4 x 1',
    );
  });

  it('refuses means that do not fit the channels, in the words of the reference', async () => {
    const processor = new ConvNextImageProcessor({ doResize: false });
    const error = await failure(() => processor.preprocess(gradient(2, 2, 1)));
    expect(error).to.include({ code: 'E_SHAPE', path: 'image', got: '3' });
    expect(error.message).to.include('mean must have 1 elements if it is an iterable, got 3');
    const stds = await failure(() => processor.preprocess(gradient(2, 2, 4), { imageMean: [1, 1, 1, 1] }));
    expect(stds.message).to.include('std must have 4 elements if it is an iterable, got 3');
  });

  it('refuses values that single precision cannot hold', async () => {
    const processor = new ConvNextImageProcessor({ doResize: false });
    for (const options of [{ rescaleFactor: 1e300 }, { imageStd: 1e-300 }, { imageMean: 1e39 }]) {
      expect((await failure(() => processor.preprocess(gradient(2, 2, 3), options))).code).to.equal('E_NON_FINITE');
    }
  });

  it('refuses what would become huge', async () => {
    const processor = new ConvNextImageProcessor({ size: 224 });
    const error = await failure(() => processor.preprocess(gradient(1, 20_000, 3)));
    // 224 / 0.875 = 256; 256 * 20,000
    expect(error).to.include({ code: 'E_LIMIT', path: 'image, resized', got: '256 x 5120000 = 1310720000' });
    const limits = { maxPixels: 224 * 224 };
    expect((await failure(() => processor.preprocess(gradient(10, 10, 3), { limits }))).path).to.equal(
      'image, resized',
    );
    const crop = { doResize: false, doCenterCrop: true, cropSize: 225, limits };
    expect((await failure(() => processor.preprocess(gradient(10, 10, 3), crop))).path).to.equal('image, cropped');
  });

  it('refuses an empty list, an unknown layout and unknown options', async () => {
    const processor = new ConvNextImageProcessor(BARE);
    expect(await failure(() => processor.preprocess([]))).to.include({ code: 'E_ARGUMENT', path: 'images' });
    const image = gradient(1, 1, 3);
    expect(await failure(() => processor.preprocess(image, { layout: 'HWC' as never }))).to.include({
      code: 'E_ARGUMENT',
      path: 'layout',
    });
    expect((await failure(() => processor.preprocess(image, { doNormalise: true } as never))).suggestion).to.equal(
      'did you mean "doNormalize"?',
    );
    expect((await failure(() => new ConvNextImageProcessor({ imageStd: 0 }))).code).to.equal('E_CONFIG');
  });

  it('names the picture that is none', async () => {
    const processor = new ConvNextImageProcessor(BARE);
    const bad: RawImage = { data: new Uint8Array(2), height: 1, width: 1, channels: 3 };
    expect((await failure(() => processor.preprocess([gradient(1, 1, 3), bad]))).path).to.equal('images[1].data');
    expect((await failure(() => processor.preprocess([gradient(1, 1, 3), Buffer.from('x')]))).path).to.equal(
      'images[1]',
    );
    expect((await failure(() => processor.preprocess('no-such.png'))).path).to.equal('no-such.png');
  });

  it('does one call otherwise, and stays as it is', async () => {
    const processor = new ConvNextImageProcessor({ ...BARE, rescaleFactor: 2 });
    const image = picture([[[1, 2, 3]]]);
    expect((await run(processor, image, { doRescale: true })).values).to.deep.equal([2, 4, 6]);
    expect((await run(processor, image, { doRescale: undefined })).values).to.deep.equal([1, 2, 3]);
  });
});

describe('ConvNextImageProcessor files', () => {
  const published = {
    crop_pct: 0.875,
    do_normalize: true,
    do_rescale: true,
    do_resize: true,
    image_mean: [0.485, 0.456, 0.406],
    image_processor_type: 'ConvNextImageProcessor',
    image_std: [0.229, 0.224, 0.225],
    resample: 3,
    rescale_factor: 0.00392156862745098,
    size: { shortest_edge: 224 },
  };

  it('are read and written back', () => {
    const processor = ConvNextImageProcessor.fromJSON({ ...published, someday: { a: [1] }, do_pad: null }, 'a.json');
    expect(processor).to.include({ resample: 'bicubic', doConvertRgb: false, cropPct: 0.875 });
    expect(processor.size).to.deep.equal({ shortestEdge: 224 });
    const written = processor.toJSON();
    const added = { do_convert_rgb: false, do_center_crop: false, do_pad: null, someday: { a: [1] } };
    expect(written).to.deep.equal({ ...published, ...added });
    expect(Object.keys(written)).to.deep.equal(Object.keys(written).sort());
    expect(ConvNextImageProcessor.fromJSON(written, 'b.json').toJSON()).to.deep.equal(written);
  });

  it('are updated to the keys of today', () => {
    const old = { feature_extractor_type: 'ConvNextFeatureExtractor', size: 224, crop_size: [3, 4], $schema: 'x' };
    const written = ConvNextImageProcessor.fromJSON(old, 'a.json').toJSON();
    expect(written).to.deep.include({ size: { shortest_edge: 224 }, crop_size: { height: 3, width: 4 } });
    expect(written).not.to.have.any.keys('feature_extractor_type', '$schema');
  });

  it('are found in a folder, by path and by URL', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'preprocessor_config.json');
      await writeFile(file, JSON.stringify(published));
      for (const source of [folder, file, pathToFileURL(folder), pathToFileURL(file).href]) {
        expect((await ConvNextImageProcessor.fromPretrained(source)).size).to.deep.equal({ shortestEdge: 224 });
      }
    }));

  it('name themselves in errors', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'preprocessor_config.json');
      expect(await failure(() => ConvNextImageProcessor.fromPretrained(folder))).to.include({
        code: 'E_SOURCE',
        path: file,
      });
      await writeFile(file, '{"resample": 9}');
      const error = await failure(() => ConvNextImageProcessor.fromPretrained(folder));
      expect(error).to.include({ code: 'E_CONFIG', path: `${file}: /resample` });
      await writeFile(file, '{"resample": ');
      expect((await failure(() => ConvNextImageProcessor.fromPretrained(file))).code).to.equal('E_JSON');
    }));
});

describe('golden image-processor', () => {
  before(() => useBackend('cpu'));
  const golden = fileURLToPath(new URL('../golden', import.meta.url));
  for (const name of readdirSync(golden).filter((folder) => folder.startsWith('image-processor'))) {
    const folder = join(golden, name);
    const spec = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8'));
    it(name, async () => {
      const before = tf.memory().numTensors;
      expect(await imageProcessor(folder, spec)).to.deep.equal([]);
      expect(tf.memory().numTensors).to.equal(before);
    });
    if (!spec.error) continue;
    it(`${name}: the words of the reference`, async () => {
      const { error } = JSON.parse(readFileSync(join(folder, spec.files.outputs), 'utf8'));
      const image = await decodeImage(join(folder, spec.files.image), { mode: 'as-is' });
      const thrown = await failure(() => ConvNextImageProcessor.fromJSON(spec.args, 'case.json').preprocess(image));
      expect(thrown.problems[0].reference).to.equal(error.message);
    });
  }
});
