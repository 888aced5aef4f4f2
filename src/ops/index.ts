export { ACTIVATIONS, type Activation, type ActivationName } from './activation.js';
export { type ConvNormTensors, convNorm } from './conv-norm.js';
export { convolve } from './convolve.js';
export { depthwiseConv } from './depthwise-conv.js';
export { gelu, geluNew } from './gelu.js';
export { globalResponseNorm } from './global-response-norm.js';
export { layerNorm } from './layer-norm.js';
export { runOp } from './op.js';
export { type Resampling, resample } from './resample.js';
