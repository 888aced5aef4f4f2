import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import type { Segmenter } from '../../src/contracts.js';
import { createModel, UperNetForSemanticSegmentation, useBackend } from '../../src/index.js';
import { golden, inFolder } from '../helpers.js';

/** What mmsegmentation calls the parts of a ConvNeXt, one after the other. */
const MM: readonly (readonly [RegExp, string])[] = [
  [/^(decode|auxiliary)_head\.(.*)\.batch_norm\./, '$1_head.$2.bn.'],
  [/_head\.classifier\./, '_head.conv_seg.'],
  [/^backbone\.embeddings\.patch_embeddings\./, 'backbone.downsample_layers.0.0.'],
  [/^backbone\.embeddings\.layernorm\./, 'backbone.downsample_layers.0.1.'],
  [/^backbone\.encoder\.stages\.(\d)\.downsampling_layer\./, 'backbone.downsample_layers.$1.'],
  [/^backbone\.encoder\.stages\.(\d)\.layers\.(\d)\.dwconv\./, 'backbone.stages.$1.$2.depthwise_conv.'],
  [/^backbone\.encoder\.stages\.(\d)\.layers\.(\d)\.layernorm\./, 'backbone.stages.$1.$2.norm.'],
  [/^backbone\.encoder\.stages\.(\d)\.layers\.(\d)\.pwconv(\d)\./, 'backbone.stages.$1.$2.pointwise_conv$3.'],
  [/^backbone\.encoder\.stages\.(\d)\.layers\.(\d)\.grn\.weight/, 'backbone.stages.$1.$2.grn.gamma'],
  [/^backbone\.encoder\.stages\.(\d)\.layers\.(\d)\.grn\.bias/, 'backbone.stages.$1.$2.grn.beta'],
  [/^backbone\.encoder\.stages\.(\d)\.layers\.(\d)\.layer_scale_parameter/, 'backbone.stages.$1.$2.gamma'],
];

/** The same file, with mmsegmentation's names: a backbone's output norm is called by its place. */
function renamed(file: Uint8Array): Uint8Array {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(Buffer.from(file.subarray(8, 8 + length)).toString());
  const entries = Object.entries(header).map(([name, entry]) => {
    const norm = name.replace(
      /^backbone\.hidden_states_norms\.stage(\d)\./,
      (_, stage) => `backbone.norm${stage - 1}.`,
    );
    return [MM.reduce((text, [from, to]) => text.replace(from, to), norm), entry];
  });
  const text = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([size, text, file.subarray(8 + length)]);
}

describe("UperNet under mmsegmentation's names", () => {
  before(() => useBackend('cpu'));

  for (const name of ['upernet-convnextv2', 'upernet-convnext-v1', 'upernet-convnextv2-two-convs']) {
    it(`gives what it gives under its own: ${name}`, () =>
      inFolder(async (folder) => {
        cpSync(golden(name, 'config.json'), join(folder, 'config.json'));
        const path = join(folder, 'model.safetensors');
        writeFileSync(path, renamed(readFileSync(golden(name, 'model.safetensors'))));
        const own = await UperNetForSemanticSegmentation.fromPretrained(golden(name));
        const same = await UperNetForSemanticSegmentation.fromPretrained(folder, { strict: 'all' });
        const other = (await createModel(folder)) as Segmenter;
        expect(same.report.recognised).to.include('names of mm');
        const pixels = tf.randomUniform<tf.Rank.R4>([1, 64, 96, 3], -1, 1, 'float32', 1);
        const logits = [own, same, other].map((model) => tf.tidy(() => [...model.forward(pixels).logits.dataSync()]));
        expect(logits[1]).to.deep.equal(logits[0]);
        expect(logits[2]).to.deep.equal(logits[0]);
        for (const model of [own, same, other]) model.dispose();
        pixels.dispose();
      }));
  }
});
