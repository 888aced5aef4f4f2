import { expect } from 'chai';
import { otherKeys, readSettings, toFile } from '../../src/image/settings.js';
import { failure } from '../helpers.js';

const DEFAULTS = {
  doConvertRgb: false,
  doResize: true,
  size: { shortestEdge: 384 },
  cropPct: 0.875,
  cropMode: undefined,
  resample: 'bicubic',
  doCenterCrop: false,
  cropSize: undefined,
  doRescale: true,
  rescaleFactor: 1 / 255,
  doNormalize: true,
  imageMean: [0.5, 0.5, 0.5],
  imageStd: [0.5, 0.5, 0.5],
};

describe('readSettings', () => {
  it('has the defaults of the reference', () => {
    expect(readSettings({}, 'a.json')).to.deep.equal(DEFAULTS);
  });

  it('takes a null switch as off, and any other null as the default', () => {
    const switches = ['do_convert_rgb', 'do_resize', 'do_center_crop', 'do_rescale', 'do_normalize'];
    const off = { doConvertRgb: false, doResize: false, doCenterCrop: false, doRescale: false, doNormalize: false };
    expect(readSettings(Object.fromEntries(switches.map((key) => [key, null])), 'a')).to.deep.equal({
      ...DEFAULTS,
      ...off,
    });
    const others = ['size', 'crop_pct', 'resample', 'crop_size', 'rescale_factor', 'image_mean', 'image_std'];
    expect(readSettings(Object.fromEntries(others.map((key) => [key, null])), 'a')).to.deep.equal(DEFAULTS);
  });

  it('reads a size in all its forms', () => {
    for (const size of [224, { shortest_edge: 224 }, { shortest_edge: 224, longest_edge: null, height: null }]) {
      expect(readSettings({ size }, 'a').size).to.deep.equal({ shortestEdge: 224 });
    }
    expect(readSettings({ size: { shortest_edge: 224, longest_edge: 500 } }, 'a').size).to.deep.equal({
      shortestEdge: 224,
      longestEdge: 500,
    });
    for (const crop_size of [[7, 9], { height: 7, width: 9 }]) {
      expect(readSettings({ crop_size, do_center_crop: true }, 'a').cropSize).to.deep.equal({ height: 7, width: 9 });
    }
    expect(readSettings({ crop_size: 7 }, 'a').cropSize).to.deep.equal({ height: 7, width: 7 });
  });

  it('wants a shortest edge where it resizes, and both sides where it crops', async () => {
    const paths = async (json: object) =>
      (await failure(() => readSettings(json, 'a.json'))).problems.map(({ path }) => path);
    for (const size of [{ height: 5, width: 5 }, [5, 5], { longest_edge: 5 }, { shortest_edge: 5, height: 5 }, {}]) {
      expect(await paths({ size })).to.deep.equal(['a.json: /size']);
      expect(readSettings({ size, do_resize: false }, 'a')).to.include({ doResize: false });
    }
    for (const crop_size of [undefined, { shortest_edge: 5 }, { height: 5 }]) {
      const json = crop_size === undefined ? {} : { crop_size };
      expect(await paths({ ...json, do_center_crop: true })).to.deep.equal(['a.json: /crop_size']);
      expect(readSettings({ ...json }, 'a')).to.include({ doCenterCrop: false });
    }
    expect(await paths({ size: { height: 5, width: 5 }, do_center_crop: true })).to.have.length(2);
  });

  it('wants something to be left of the resized picture', async () => {
    expect(readSettings({ size: 3, crop_pct: 3 }, 'a').cropPct).to.equal(3);
    expect(await failure(() => readSettings({ size: 3, crop_pct: 3.1 }, 'a'))).to.include({
      code: 'E_CONFIG',
      path: 'a: /crop_pct',
    });
    expect(readSettings({ size: 384, crop_pct: 1000 }, 'a').cropPct).to.equal(1000);
  });

  it('leaves the rest to the schema, all problems at once', async () => {
    const error = await failure(() => readSettings({ do_resize: 'yes', resample: 9, size: [1, 2, 3] }, 'a.json'));
    expect(error.code).to.equal('E_CONFIG');
    expect(error.problems.map(({ path }) => path)).to.have.members([
      'a.json: /do_resize',
      'a.json: /resample',
      'a.json: /size',
    ]);
    for (const json of [null, 'text', [1], 3])
      expect((await failure(() => readSettings(json, 'a'))).code).to.equal('E_CONFIG');
  });
});

describe('toFile', () => {
  it('spells settings as the reference does', () => {
    expect(toFile({ ...DEFAULTS, resample: 'box', cropSize: { height: 3, width: 4 } })).to.deep.equal({
      do_convert_rgb: false,
      do_resize: true,
      size: { shortest_edge: 384 },
      crop_pct: 0.875,
      resample: 4,
      do_center_crop: false,
      crop_size: { height: 3, width: 4 },
      do_rescale: true,
      rescale_factor: 1 / 255,
      do_normalize: true,
      image_mean: [0.5, 0.5, 0.5],
      image_std: [0.5, 0.5, 0.5],
    });
  });

  it('names options that are none, and the nearest that is', async () => {
    const error = await failure(() => toFile({ imageMeans: 1, do_resize: true } as never));
    expect(error.problems).to.have.length(2);
    expect(error).to.include({
      code: 'E_CONFIG',
      path: 'ConvNextImageProcessor.imageMeans',
      suggestion: 'did you mean "imageMean"?',
    });
    expect((await failure(() => toFile({ size: { shortest_edge: 3 } } as never))).suggestion).to.equal(
      'did you mean "shortestEdge"?',
    );
    for (const key of ['__proto__', 'constructor', 'toString']) {
      expect((await failure(() => toFile(JSON.parse(`{"${key}": 1}`)))).code).to.equal('E_CONFIG');
    }
  });

  it('passes wrong values on to the schema', async () => {
    for (const options of [{ size: null }, { size: 'big' }, { cropSize: 'big' }, { doResize: 1 }]) {
      const file = toFile(options as never);
      if (options.size !== null) expect((await failure(() => readSettings(file, 'a'))).code).to.equal('E_CONFIG');
    }
    expect((await failure(() => toFile({ resample: 'bicubik' as never }))).code).to.equal('E_ARGUMENT');
  });
});

describe('otherKeys', () => {
  it('keeps what nobody knows, and what the reference writes beside the settings', () => {
    const json = JSON.parse(
      '{"$schema": "s", "image_processor_type": "t", "feature_extractor_type": "t", "size": 3, "__proto__": 1, "do_pad": false}',
    );
    expect(Object.entries(otherKeys(json))).to.deep.equal([
      ['__proto__', 1],
      ['do_pad', false],
    ]);
  });
});
