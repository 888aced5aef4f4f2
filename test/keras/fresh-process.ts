/* Loads a saved layers model in a process that has not made one, and prints what it gives for some pictures, bit for bit. */
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import { registerKerasLayers } from '../../backbones/convnext/index.js';
import { useBackend } from '../../src/backend/use-backend.js';
import { bitsOf, pictures, toNCHW } from './helpers.js';

const [url, layout] = process.argv.slice(2);
await useBackend('cpu');
await registerKerasLayers();
const model = await loadLayersModel(url);
const outputs = [model.predict(layout === 'NCHW' ? toNCHW(pictures(2)) : pictures(2))].flat();
const frozen = model.layers
  .filter(({ weights, trainable }) => weights.length > 0 && !trainable)
  .map(({ name }) => name);
console.log(
  JSON.stringify({
    bits: outputs.map(bitsOf),
    frozen,
    shapes: outputs.map(({ shape }) => shape),
  }),
);
