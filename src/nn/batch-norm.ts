import * as tf from '@tensorflow/tfjs-core';
import type { Parameter, Scope } from '../contracts.js';
import { ConvNextV2Error } from '../errors.js';
import { convNorm } from '../ops/conv-norm.js';
import { convolve } from '../ops/convolve.js';
import type { Layer } from './layers.js';

/** torch.nn.BatchNorm2d's defaults, which mmsegmentation and the reference leave as they are. */
const EPSILON = 1e-5;
const MOMENTUM = 0.1;

export interface ConvModuleOptions {
  readonly from: number;
  readonly to: number;
  /** Odd: as many rows and columns of zeros are put around that maps keep their size. */
  readonly kernel: number;
  /** The deviation of fresh weights. */
  readonly deviation: number;
}

/**
 * A convolution without bias, a batch norm, and a ReLU: mmsegmentation's ConvModule. Parameters `conv.weight`
 * [to, from, kernel, kernel] and `batch_norm.weight`, `bias`, `running_mean`, `running_var`. In inference the norm is folded into
 * the convolution; in training it normalises by the batch, and moves the running statistics, or as `Mode.statistics` says.
 */
export function convModule(scope: Scope, { from, to, kernel, deviation }: ConvModuleOptions): Layer {
  const weight = scope.within('conv').parameter('weight', [to, from, kernel, kernel], {
    layout: 'conv2d',
    init: { truncatedNormal: deviation },
  });
  const norm = batchNorm(scope.within('batch_norm'), to);
  const padding = (kernel - 1) / 2;
  return (x, mode) =>
    tf.tidy(() => {
      const filter = weight.variable as tf.Variable<tf.Rank.R4>;
      if (!mode?.training || mode.statistics === 'running') {
        return convNorm(x, { filter, ...norm.tensors() }, padding, EPSILON);
      }
      return tf.relu(norm.train(convolve(x, filter, padding)));
    });
}

function batchNorm(scope: Scope, channels: number) {
  const parameter = (name: string, constant: number, role?: 'statistic') =>
    scope.parameter(name, [channels], { init: { constant }, role });
  const gamma = parameter('weight', 1);
  const beta = parameter('bias', 0);
  const mean = parameter('running_mean', 0, 'statistic');
  const variance = parameter('running_var', 1, 'statistic');
  const vector = ({ variable }: Parameter) => variable as tf.Variable<tf.Rank.R1>;
  return {
    tensors: () => ({ gamma: vector(gamma), beta: vector(beta), mean: vector(mean), variance: vector(variance) }),

    /** Normalises by the biased variance of the batch, and keeps the unbiased one, as PyTorch does. */
    train(x: tf.Tensor4D): tf.Tensor4D {
      const count = x.size / channels;
      if (count < 2) throw tooFew(scope, x);
      const axes = [0, 1, 2];
      const batchMean = tf.mean(x, axes);
      const centred = tf.sub<tf.Tensor4D>(x, batchMean);
      const batchVariance = tf.mean(tf.square(centred), axes);
      move(vector(mean), batchMean, 1);
      move(vector(variance), batchVariance, count / (count - 1));
      const scale = tf.mul(vector(gamma), tf.rsqrt(tf.add(batchVariance, EPSILON)));
      return tf.add(tf.mul(centred, scale), vector(beta));
    },
  };
}

/** A step of a running statistic towards `factor` times that of the batch. */
function move(running: tf.Variable, ofBatch: tf.Tensor, factor: number): void {
  running.assign(tf.add(tf.mul(running, 1 - MOMENTUM), tf.mul(ofBatch, MOMENTUM * factor)));
}

function tooFew(scope: Scope, { shape }: tf.Tensor4D): ConvNextV2Error {
  const [name] = scope.parameters.keys();
  return new ConvNextV2Error('E_SHAPE', {
    path: name,
    wanted: 'more than one value for each channel, to take a variance in training',
    got: `[${shape.join(', ')}]`,
    suggestion: "give two pictures at once, or statistics: 'running'",
  });
}
