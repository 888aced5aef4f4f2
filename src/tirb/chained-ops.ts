import * as tf from '@tensorflow/tfjs-core';

/**
 * What tfjs 1 gave every tensor as methods, and tfjs 4 gives only to who imports the whole `@tensorflow/tfjs`: here those of
 * the functions of the same name whose first argument is the tensor.
 */
const METHODS =
  'abs acos acosh add all any argMax argMin asin asinh atan atan2 atanh avgPool batchNorm batchToSpaceND broadcastTo cast ' +
  'ceil clipByValue conv1d conv2d conv2dTranspose cos cosh cumprod cumsum depthToSpace depthwiseConv2d depthwiseConv2D dilation2d div ' +
  'divNoNan dot elu equal erf euclideanNorm exp expandDims expm1 floor floorDiv gather greater greaterEqual isFinite isInf ' +
  'isNaN leakyRelu less lessEqual localResponseNormalization log log1p logSigmoid logSoftmax logSumExp logicalAnd ' +
  'logicalNot logicalOr logicalXor matMul max maxPool maximum mean min minimum mirrorPad mod mul neg norm notEqual oneHot ' +
  'onesLike pad pool pow prelu prod reciprocal relu relu6 reshape reverse round rsqrt selu separableConv2d sigmoid sign sin ' +
  'sinh slice softmax softplus spaceToBatchND split sqrt square squaredDifference squeeze step stridedSlice sub sum tan ' +
  'tanh tile topk transpose unique unsortedSegmentSum unstack zerosLike';

type Method = (this: tf.Tensor, ...args: never[]) => unknown;

/** Those that tfjs 1 also had for tensors of one shape alone, as `addStrict`. */
const STRICT =
  'add sub pow mul div minimum maximum mod squaredDifference equal notEqual less lessEqual greater greaterEqual';

/** Those that are no function of tfjs with the tensor before its arguments. */
const OTHERS: Readonly<Record<string, Method>> = {
  as1D() {
    return tf.reshape(this, [this.size]);
  },
  asScalar() {
    return tf.reshape(this, []);
  },
  asType(dtype: tf.DataType) {
    return tf.cast(this, dtype);
  },
  batchNormalization(
    mean: tf.Tensor1D,
    variance: tf.Tensor1D,
    epsilon?: number,
    scale?: tf.Tensor1D,
    offset?: tf.Tensor1D,
  ) {
    return tf.batchNorm(this, mean, variance, offset, scale, epsilon);
  },
  concat(others: tf.Tensor | tf.Tensor[], axis?: number) {
    return tf.concat([this, ...[others].flat()], axis);
  },
  fft() {
    return tf.spectral.fft(this);
  },
  flatten() {
    return tf.reshape(this, [this.size]);
  },
  ifft() {
    return tf.spectral.ifft(this);
  },
  irfft() {
    return tf.spectral.irfft(this);
  },
  reshapeAs(other: tf.Tensor) {
    return tf.reshape(this, other.shape);
  },
  resizeBilinear(size: [number, number], alignCorners?: boolean, halfPixelCenters?: boolean) {
    return tf.image.resizeBilinear(this as tf.Tensor4D, size, alignCorners, halfPixelCenters);
  },
  resizeNearestNeighbor(size: [number, number], alignCorners?: boolean, halfPixelCenters?: boolean) {
    return tf.image.resizeNearestNeighbor(this as tf.Tensor4D, size, alignCorners, halfPixelCenters);
  },
  rfft() {
    return tf.spectral.rfft(this);
  },
  stack(others: tf.Tensor | tf.Tensor[], axis?: number) {
    return tf.stack([this, ...[others].flat()], axis);
  },
  toBool() {
    return tf.cast(this, 'bool');
  },
  toFloat() {
    return tf.cast(this, 'float32');
  },
  toInt() {
    return tf.cast(this, 'int32');
  },
  where(condition: tf.Tensor, other: tf.Tensor) {
    return tf.where(condition, this, other);
  },
  ...Object.fromEntries(
    [2, 3, 4, 5].map((rank) => [
      `as${rank}D`,
      function (this: tf.Tensor, ...shape: number[]) {
        return tf.reshape(this, shape);
      },
    ]),
  ),
};

/** Gives every tensor the methods that it lacks; those of the whole tfjs stay where it has been imported. */
export function registerChainedOps(): void {
  const renamed = { ...tf, depthwiseConv2D: tf.depthwiseConv2d };
  const functions = renamed as unknown as Readonly<Record<string, (...args: unknown[]) => unknown>>;
  const chained = METHODS.split(' ').map((name) => [
    name,
    function (this: tf.Tensor, ...args: unknown[]) {
      this.throwIfDisposed();
      return functions[name](this, ...args);
    },
  ]);
  const strict = STRICT.split(' ').map((name) => [
    `${name}Strict`,
    function (this: tf.Tensor, other: tf.Tensor) {
      tf.util.assertShapesMatch(this.shape, other.shape, `${name}Strict: `);
      return functions[name](this, other);
    },
  ]);
  const methods = { ...Object.fromEntries([...chained, ...strict]), ...OTHERS };
  for (const [name, value] of Object.entries(methods)) {
    if (name in tf.Tensor.prototype) continue;
    Object.defineProperty(tf.Tensor.prototype, name, { value, writable: true, configurable: true });
  }
}
