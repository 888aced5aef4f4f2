import { ensureBackend } from '../backend/use-backend.js';
import { registerFileHandler } from './file-handler.js';
import type { LayersForm } from './form.js';
import { partLayerOf } from './part-layer.js';

/** Makes `tf.loadLayersModel` know the layers of these kinds of models, and files. Throws E_PEER without tfjs-layers. */
export async function registerLayers(forms: readonly LayersForm[]): Promise<void> {
  await ensureBackend();
  const tfl = await import('@tensorflow/tfjs-layers');
  for (const form of forms) partLayerOf(form, tfl);
  registerFileHandler();
}
