import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { readWhole } from '../../src/cli/command.js';
import {
  AdamW,
  AutoConfig,
  ConvNextImageProcessor,
  ConvNextV2Backbone,
  ConvNextV2Config,
  decodeImage,
  ERROR_CODES,
  type ErrorCode,
  extractFeatures,
  openCheckpoint,
  readSafetensors,
  useBackend,
} from '../../src/index.js';
import { failure, inFolder, safetensorsFile } from '../helpers.js';
import { readPage, rowsOf } from './pages.js';

const small = new ConvNextV2Config({ depths: [1], hiddenSizes: [4] });

/** Runs with a small backbone and a picture of so many channels. */
async function withBackbone(channels: number, run: (backbone: ConvNextV2Backbone, pixels: tf.Tensor4D) => unknown) {
  const backbone = await ConvNextV2Backbone.fromConfig(small, { seed: 0 });
  const pixels = tf.zeros<tf.Rank.R4>([1, 8, 8, channels]);
  try {
    return await run(backbone, pixels);
  } finally {
    tf.dispose(pixels);
    backbone.dispose();
  }
}

/** What gives the example of each code. That of E_PEER needs a process without sharp: see test/image/decode.test.ts. */
const EXAMPLES: Readonly<Record<Exclude<ErrorCode, 'E_PEER'>, () => unknown>> = {
  E_ABORTED: () => extractFeatures('convnextv2-atto', ['cat.png'], { signal: AbortSignal.abort() }).next(),
  E_ARGUMENT: () => new AdamW([], { learningRate: -1 }),
  E_BACKEND: () => useBackend('tensorflo'),
  E_CONFIG: () => ConvNextV2Config.fromJSON({ hidden_act: 'gelo' }),
  E_DISPOSED: () =>
    withBackbone(3, (backbone, pixels) => {
      backbone.dispose();
      backbone.forward(pixels);
    }),
  E_HDF5: async () => {
    writeFileSync('tf_model.h5', '\x89HDF\r\n\x1a\n and no more', 'latin1');
    await openCheckpoint('tf_model.h5');
  },
  E_IMAGE: () => decodeImage(Buffer.from('Not Found'), { name: 'cat.jpg' }),
  E_JSON: async () => {
    writeFileSync('config.json', '{ "depths": [1, 1], }');
    await ConvNextV2Config.fromPretrained('config.json');
  },
  E_LIMIT: () => decodeImage('cat.png', { maxPixels: 1000 }),
  E_NETWORK: () => AutoConfig.fromPretrained('https://localhost:9/model.pth', { cacheDir: '.' }),
  E_NON_FINITE: () => new ConvNextImageProcessor({ rescaleFactor: 1e300 }).preprocess('cat.png'),
  E_OUT_FEATURES: () => small.with({ outIndices: [2] }),
  E_OUTPUT: () => withBackbone(3, (backbone) => backbone.savePretrained('cat.png/model')),
  E_PICKLE: async () => {
    writeFileSync('model.pth', '\x80\x02cposix\nsystem\n.', 'latin1');
    await openCheckpoint('model.pth');
  },
  E_PLUGIN: async () => {
    writeFileSync('config.json', '{ "model_type": "convnextv3" }');
    await AutoConfig.fromPretrained('config.json');
  },
  E_SAFETENSORS: () => {
    const header = { x: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } };
    readSafetensors(safetensorsFile(header, new Uint8Array(4)), 'model.safetensors');
  },
  E_SHAPE: () => withBackbone(4, (backbone, pixels) => backbone.forward(pixels)),
  E_SOURCE: () => AutoConfig.fromPretrained('convnextv2-tinny'),
  E_USAGE: () => readWhole('--seed', 'one'),
  E_ZIP: async () => {
    writeFileSync('model.pth', 'PK\x03\x04 and no more', 'latin1');
    await openCheckpoint('model.pth');
  },
  E_WEIGHTS: async () => {
    await withBackbone(3, (backbone) => backbone.savePretrained('my-model'));
    const config = readFileSync('my-model/config.json', 'utf8').replace('"patch_size": 4', '"patch_size": 2');
    writeFileSync('my-model/config.json', config);
    await ConvNextV2Backbone.fromPretrained('my-model');
  },
};

describe('docs/errors.md', () => {
  const rows = rowsOf(readPage('docs/errors.md')).filter(([code]) => code.startsWith('`E_'));

  before(() => useBackend('cpu'));

  it('has every code, and no other', () => {
    expect(rows.map(([code]) => code)).to.deep.equal(ERROR_CODES.map((code) => `\`${code}\``));
  });

  for (const [code, provoke] of Object.entries(EXAMPLES)) {
    it(`shows what ${code} looks like`, () =>
      inFolder(async (folder) => {
        copyFileSync('examples/pictures/chelsea.png', join(folder, 'cat.png'));
        const here = process.cwd();
        process.chdir(folder); // for short paths in the messages
        const { message } = await failure(provoke).finally(() => process.chdir(here));
        const [, , example] = rows.find(([name]) => name === `\`${code}\``)!;
        expect(example).to.equal(`\`${message.slice(code.length + 2)}\``);
      }));
  }
});
