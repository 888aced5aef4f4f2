import * as tf from '@tensorflow/tfjs-core';
import { runOp } from './op.js';

/**
 * A convolution of each channel by itself, stride 1, with `padding` rows and columns of zeros on each side, and a bias.
 * x: [n, h, w, c]; filter: [k, k, c, 1]; bias: [c]. Kernel of the gradient: `ConvNextV2DepthwiseConvGrad`
 * { x, filter, dy }, { padding } to [dx, dfilter].
 */
export function depthwiseConv(x: tf.Tensor4D, filter: tf.Tensor4D, bias: tf.Tensor, padding: number): tf.Tensor4D {
  const convolve = tf.customGrad((...args) => {
    const [x, filter, bias, save] = args as unknown as [tf.Tensor4D, tf.Tensor4D, tf.Tensor, tf.GradSaveFunc];
    save([x, filter]);
    // its type lacks explicit pairs, the one form of padding that runs on every backend
    const pad = pairs(padding) as unknown as number;
    return {
      value: tf.fused.depthwiseConv2d({ x, filter, strides: 1, pad, bias }),
      gradFunc: (dy: tf.Tensor, [x, filter]: tf.Tensor[]) => {
        const inputs = { x, filter, dy };
        const [dx, dfilter] = runOp('ConvNextV2DepthwiseConvGrad', inputs, { padding }, () =>
          gradient(x as tf.Tensor4D, filter as tf.Tensor4D, dy, padding),
        );
        return [dx, dfilter, tf.sum(dy, [0, 1, 2])];
      },
    };
  });
  return convolve(x, filter, bias) as tf.Tensor4D;
}

/** By tfjs' own kernels: those of TensorFlow take no explicit padding here, so the zeros are put there first. */
function gradient(x: tf.Tensor4D, filter: tf.Tensor4D, dy: tf.Tensor, padding: number): tf.Tensor[] {
  const around = tf.pad(x, pairs(padding));
  const attributes = { strides: [1, 1], dilations: [1, 1], pad: 'valid' };
  const run = (kernel: string, inputs: Readonly<Record<string, tf.Tensor>>, shape: object) =>
    tf.engine().runKernel(kernel, { ...inputs }, { ...attributes, ...shape }) as tf.Tensor4D;
  const toFilter = run('DepthwiseConv2dNativeBackpropFilter', { x: around, dy }, { filterShape: filter.shape });
  const toAround = run('DepthwiseConv2dNativeBackpropInput', { dy, filter }, { inputShape: around.shape });
  return [tf.slice(toAround, [0, padding, padding, 0], x.shape), toFilter];
}

type Pairs = [[number, number], [number, number], [number, number], [number, number]];

/** Explicit padding of height and width. */
export const pairs = (by: number): Pairs => [
  [0, 0],
  [by, by],
  [by, by],
  [0, 0],
];
