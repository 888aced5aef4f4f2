import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { NAMINGS } from '../../backbones/convnext/namings.js';
import { knownModels } from '../../src/config/known-models.js';
import {
  AutoModel,
  AutoModelForImageClassification,
  ConvNextConfig,
  ConvNextForImageClassification,
  ConvNextV2Config,
  ConvNextV2ForImageClassification,
} from '../../src/index.js';
import { writeSafetensors } from '../../src/weights/write-safetensors.js';
import { inFolder } from '../helpers.js';

/** Weights of zeros by timm's names, as its architecture of this name has them, but narrow and of few blocks. */
async function writeNarrow(path: string, config: string, hasHead: boolean): Promise<void> {
  const init = { hiddenSizes: [4, 8, 8, 8], depths: [1, 1, 2, 1], numLabels: 3 };
  const model = config.startsWith('convnextv2')
    ? await ConvNextV2ForImageClassification.fromConfig(new ConvNextV2Config(init))
    : await ConvNextForImageClassification.fromConfig(new ConvNextConfig(init));
  const tensors = new Map(
    Array.from(model.parameters, ([name, { shape }]) => [name, { dtype: 'F32', shape }] as const),
  );
  model.dispose();
  const written = NAMINGS.find(({ name }) => name === 'timm')!.write!(tensors);
  const isConv = /-(atto|femto|pico|nano)$/.test(config);
  const entries = [...written.values()].map(({ name, shape }) => {
    const linear = isConv || !/\.fc[12]\.weight$/.test(name) ? shape! : shape!.slice(0, 2);
    const bytes = async () => new Uint8Array(4 * linear.reduce((product, length) => product * length, 1));
    return { name, shape: linear, dtype: 'F32' as const, bytes };
  });
  await writeSafetensors(path, hasHead ? entries : entries.filter(({ name }) => !name.startsWith('head.')), {});
}

describe("timm's models in the list", () => {
  for (const { source, config, task, resolution } of knownModels().filter(({ naming }) => naming === 'timm')) {
    it(`${source} opens by its architecture and the layout of its weights`, () =>
      inFolder(async (folder) => {
        const isClassifier = task === 'image-classification';
        await writeNarrow(join(folder, 'model.safetensors'), config, isClassifier);
        const [architecture] = source.replace('timm/', '').split('.');
        expect(architecture.replace('_', '-')).to.equal(config);
        const json = {
          architecture,
          num_classes: isClassifier ? 3 : 0,
          num_features: 8,
          global_pool: 'avg',
          pretrained_cfg: { input_size: [3, resolution, resolution] },
        };
        await writeFile(join(folder, 'config.json'), JSON.stringify(json));
        const model = isClassifier
          ? await AutoModelForImageClassification.fromPretrained(folder, { strict: 'all' })
          : await AutoModel.fromPretrained(folder);
        const { imageSize, normEps, layerNormEps } = (model as ConvNextForImageClassification).config;
        expect([imageSize, normEps, layerNormEps]).to.deep.equal([resolution, 1e-6, 1e-6]);
        model.dispose();
      }));
  }
});
