// JPEGs to pooled features, end to end, beside the bare forward of as many pictures.
//
//   node bench/features.mjs --sizes atto,tiny --batches 1,4 --backend simd --pictures 16 --json out.json
//
// --picture    the JPEG that is taken again and again
// --pictures   how many in one run
// --concurrency  decoded ahead
// "bare" computes pixels that are there; "end to end" reads, decodes, resizes and computes, by extractFeatures; "share" is how
// much of the bare throughput is left.
import * as tf from '@tensorflow/tfjs-core';
import { AutoImageProcessor, ConvNextV2Model, extractFeatures, useBackend } from '../dist/src/index.js';
import { configOf } from './engines.mjs';
import { flags, interleave, percent, printTable, round, summary, writeReport } from './measure.mjs';

const { sizes, batches, backend, picture, pictures, concurrency, runs, json } = flags(
  {
    sizes: ['tiny'],
    batches: [1, 4],
    backend: 'auto',
    picture: 'examples/pictures/rocket.jpg',
    pictures: 16,
    concurrency: 8,
    runs: 6,
    json: '',
  },
  { sizes: ['atto'], batches: [1, 2], pictures: 2, runs: 1 },
);
const { detail } = await useBackend(backend);
const rows = [];
for (const size of sizes) {
  const model = await ConvNextV2Model.fromConfig(await configOf(size), { seed: 0 });
  const processor = await AutoImageProcessor.fromPretrained(`convnextv2-${size}`);
  const { pixelValues } = await processor.preprocess(picture);
  const paths = Array(pictures).fill(picture);
  for (const batchSize of batches) {
    const batch = tf.tidy(() => tf.tile(pixelValues, [batchSize, 1, 1, 1]));
    const bare = async () => {
      for (let done = 0; done < pictures; done += batchSize) {
        const pooled = tf.tidy(() => model.forward(batch).poolerOutput);
        await pooled.data();
        pooled.dispose();
      }
    };
    const options = { processor, pool: 'mean', batchSize, concurrency };
    const endToEnd = async () => {
      for await (const { error } of extractFeatures(model, paths, options)) if (error) throw error;
    };
    const [least, ours] = (await interleave([{ run: bare }, { run: endToEnd }], runs)).map(summary);
    const perSecond = ({ min }) => round((1000 * pictures) / min);
    rows.push({
      size,
      batch: batchSize,
      'bare, pictures/s': perSecond(least),
      'end to end, pictures/s': perSecond(ours),
      share: percent(least.min / ours.min),
      'share of medians': percent(least.median / ours.median),
    });
    batch.dispose();
  }
  pixelValues.dispose();
  model.dispose();
}
console.log(`${detail}, ${pictures} x ${picture}`);
printTable(rows);
writeReport(json, { backend: detail, picture, pictures, concurrency, rows });
