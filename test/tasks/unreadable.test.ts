import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import {
  ConvNextV2ForImageClassification,
  convertCheckpoint,
  inspectModel,
  reportTable,
  useBackend,
  verifyCheckpoints,
} from '../../src/index.js';
import { failure, golden, inFolder, withUnreadable } from '../helpers.js';

const HF = golden('checkpoints', 'hf', 'model.safetensors');
const BIAS = 'convnextv2.encoder.stages.3.layers.0.pwconv2.bias';
const EXTRA = { name: 'extra', reason: 'F8_E4M3 [2], a dtype that is not read here' };

describe('a checkpoint with tensors that cannot be read', () => {
  before(() => useBackend('cpu'));

  /** Of a file where the model does not need them, and one where it does. */
  const withFiles = (work: (odd: string, lost: string, folder: string) => Promise<void>) => () =>
    inFolder(async (folder) => {
      const [odd, lost] = [join(folder, 'odd.safetensors'), join(folder, 'lost.safetensors')];
      await writeFile(odd, await withUnreadable(HF, []));
      await writeFile(lost, await withUnreadable(HF, [BIAS]));
      await work(odd, lost, folder);
    });

  it(
    'loads where the model has no use for them, and the report names them',
    withFiles(async (odd) => {
      const model = await ConvNextV2ForImageClassification.fromPretrained(odd);
      expect(model.report.unused).to.deep.equal(['extra']);
      expect(reportTable(model.report)).to.match(/^unused +extra: it cannot be read: F8_E4M3 \[2\], a dtype/m);
      model.dispose();
    }),
  );

  it(
    'is refused where the model needs one, by its name and the reason',
    withFiles(async (_, lost) => {
      const before = tf.memory().numTensors;
      const error = await failure(() => ConvNextV2ForImageClassification.fromPretrained(lost));
      expect([error.code, error.problems]).to.deep.equal([
        'E_WEIGHTS',
        [
          {
            path: `${lost}: ${JSON.stringify(BIAS)}`,
            wanted: 'F32 [6]',
            got: 'F8_E4M3 [6], a dtype that is not read here',
          },
        ],
      ]);
      expect(tf.memory().numTensors).to.equal(before);
    }),
  );

  it(
    'is converted without them, under any names',
    withFiles(async (odd, lost, folder) => {
      for (const naming of ['hf', 'timm', 'fb']) {
        const to = join(folder, naming);
        expect(await convertCheckpoint(odd, to, { naming })).to.deep.include({
          tensors: 60,
          leftOut: ['extra'],
          unreadable: [EXTRA],
        });
        expect((await verifyCheckpoints(to, HF)).same, naming).to.equal(true);
        const partly = await convertCheckpoint(lost, join(folder, 'partly'), { naming });
        expect([partly.tensors, partly.leftOut]).to.deep.equal([59, [BIAS, 'extra']]);
      }
    }),
  );

  it(
    'is inspected, and never the same as another: nobody can tell',
    withFiles(async (odd, lost) => {
      const { checkpoint } = await inspectModel(odd, { height: 64, width: 64 });
      expect(checkpoint).to.deep.include({ tensors: 61, unreadable: [EXTRA], dtypes: ['F32', 'F8_E4M3'] });
      const found = await verifyCheckpoints(odd, lost);
      expect(found).to.deep.include({ same: false, compared: 61, different: [], misshaped: [] });
      expect(found.unreadable).to.deep.equal([BIAS.replace('convnextv2.', ''), 'extra']);
    }),
  );
});
