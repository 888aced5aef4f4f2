import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { Layout } from '../contracts.js';
import { ConvNextV2Error, show } from '../errors.js';
import type { ModelConfig, PretrainedModel } from '../weights/pretrained-model.js';
import { borrowParameters } from './borrow.js';
import { registerFileHandler } from './file-handler.js';
import type { KerasPart, LayersForm } from './form.js';
import { partLayerOf } from './part-layer.js';

/** A `tf.LayersModel` over the model's own weights, a layer for each part. Throws E_SHAPE for pictures of a wrong shape. */
export async function toLayersModel(
  form: LayersForm,
  { config, layout, parameters }: Pick<PretrainedModel<ModelConfig>, 'config' | 'layout' | 'parameters'>,
  inputShape?: readonly (number | null)[],
): Promise<LayersModel> {
  const parts = form.parts(borrowParameters(parameters), config);
  const shape = inputShape ?? anySize(layout, parts[0]);
  checkInputShape(shape, layout, parts[0]);
  registerFileHandler();
  const tfl = await import('@tensorflow/tfjs-layers');
  const PartLayer = partLayerOf(form, tfl);
  const inputs = tfl.input({ shape: [...shape], name: 'pixel_values' });
  const outputs: SymbolicTensor[] = [];
  for (const part of parts) {
    const layer = new PartLayer({ part, config, layout });
    outputs.push(layer.apply(outputs.at(-1) ?? inputs) as SymbolicTensor);
  }
  return tfl.model({ inputs, outputs: outputs.slice(-form.outputs), name: form.Model.name });
}

const anySize = (layout: Layout, { pixels }: KerasPart): readonly (number | null)[] =>
  layout === 'NHWC' ? [null, null, pixels!.channels] : [pixels!.channels, null, null];

function checkInputShape(shape: readonly (number | null)[], layout: Layout, { pixels }: KerasPart): void {
  const { channels, smallest } = pixels!;
  const [order, last] = layout === 'NHWC' ? [`height, width, ${channels}`, 2] : [`${channels}, height, width`, 0];
  const fits = (length: number | null, axis: number) =>
    axis === last ? length === channels : length === null || (Number.isInteger(length) && length >= smallest);
  if (Array.isArray(shape) && shape.length === 3 && shape.every(fits)) return;
  const wanted = `[${order}], sides of at least ${smallest} pixels or null`;
  throw new ConvNextV2Error('E_SHAPE', { path: 'inputShape', wanted, got: show(shape) });
}
