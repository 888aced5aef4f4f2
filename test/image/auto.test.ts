import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { AutoImageProcessor } from '../../src/image/auto.js';
import { ConvNextImageProcessor } from '../../src/image/processor.js';
import { SegformerImageProcessor } from '../../src/image/segformer-processor.js';
import { failure, inFolder } from '../helpers.js';

describe('AutoImageProcessor', () => {
  it('knows the names that the reference has had, under both keys, and takes none as ours', () => {
    for (const json of [
      { image_processor_type: 'ConvNextImageProcessor' },
      { image_processor_type: 'ConvNextImageProcessorFast' },
      { image_processor_type: 'ConvNextImageProcessorPil' },
      { feature_extractor_type: 'ConvNextFeatureExtractor' },
      { image_processor_type: null, feature_extractor_type: null },
      { image_processor_type: 'ConvNextImageProcessor', feature_extractor_type: 'SomethingElse' },
      {},
    ]) {
      expect(AutoImageProcessor.fromJSON({ ...json, size: 7 }, 'a').size).to.deep.equal({ shortestEdge: 7 });
    }
  });

  it('names the known ones for any other', async () => {
    const error = await failure(() =>
      AutoImageProcessor.fromJSON({ image_processor_type: 'ConvNextImageProcesor' }, 'a.json'),
    );
    expect(error).to.include({
      code: 'E_CONFIG',
      path: 'a.json: /image_processor_type',
      suggestion: 'did you mean "ConvNextImageProcessor"?',
    });
    expect(error.wanted).to.include('ConvNextFeatureExtractor');
    const old = await failure(() => AutoImageProcessor.fromJSON({ feature_extractor_type: 3 }, 'a.json'));
    expect(old).to.include({ path: 'a.json: /feature_extractor_type', got: '3' });
    expect((await failure(() => AutoImageProcessor.fromJSON(null, 'a.json'))).code).to.equal('E_CONFIG');
  });

  it('refuses unknown options', async () => {
    for (const Processor of [AutoImageProcessor, ConvNextImageProcessor, SegformerImageProcessor]) {
      const error = await failure(() => Processor.fromPretrained('nowhere', { cache_dir: '.' } as never));
      expect(error).to.include({ code: 'E_ARGUMENT', suggestion: 'did you mean "cacheDir"?' });
    }
  });

  it('reads a folder', () =>
    inFolder(async (folder) => {
      await writeFile(join(folder, 'preprocessor_config.json'), '{"size": 9}');
      const processor = await AutoImageProcessor.fromPretrained(folder);
      expect(processor).to.be.instanceOf(ConvNextImageProcessor);
      expect(processor.size).to.deep.equal({ shortestEdge: 9 });
    }));
});
