import { ARITHMETIC, adamW } from './arithmetic.js';
import { blocks, downsampling, stem } from './body.js';
import { convolution, depthwiseConvolution, normedConvolution } from './convolution.js';
import {
  convolutionFilter,
  convolutionInput,
  convolveGradient,
  depthwiseFilter,
  depthwiseInput,
} from './convolution-gradient.js';
import { concat, gather, pad, slice, split, stack, tile, transpose, unstack } from './copies.js';
import { depthwiseGradient } from './depthwise.js';
import type { Simd } from './kernel.js';
import {
  groupNorm,
  groupNormGradient,
  layerNorm,
  layerNormGradient,
  responseNorm,
  responseNormGradient,
} from './norms.js';
import { averagePool, averagePoolGradient, maxPool, maxPoolGradient } from './pooling.js';
import { patchConvolution, product } from './products.js';
import {
  resample,
  resampleGradient,
  resizeBilinear,
  resizeBilinearGradient,
  resizeNearest,
  resizeNearestGradient,
} from './resize.js';
import { roiAlign, roiAlignGradient } from './roi-align.js';

/** The kernels that replace those of `cpu`, by their names. */
export const SIMD_KERNELS: Readonly<Record<string, Simd>> = {
  ...ARITHMETIC,
  Conv2D: (...call) => patchConvolution(...call) ?? convolution(...call),
  FusedConv2D: (...call) => patchConvolution(...call) ?? convolution(...call),
  Conv2DBackpropFilter: convolutionFilter,
  Conv2DBackpropInput: convolutionInput,
  BatchMatMul: product,
  _FusedMatMul: product,
  ConvNextV2ConvNorm: normedConvolution,
  ConvNextV2ConvolveGrad: convolveGradient,
  DepthwiseConv2dNativeBackpropFilter: depthwiseFilter,
  DepthwiseConv2dNativeBackpropInput: depthwiseInput,
  DepthwiseConv2dNative: depthwiseConvolution,
  FusedDepthwiseConv2D: depthwiseConvolution,
  Transpose: transpose,
  Slice: slice,
  PadV2: pad,
  Concat: concat,
  Pack: stack,
  Unpack: unstack,
  SplitV: split,
  Tile: tile,
  GatherV2: gather,
  MaxPool: maxPool,
  AvgPool: averagePool,
  MaxPoolGrad: maxPoolGradient,
  AvgPoolGrad: averagePoolGradient,
  ResizeBilinear: resizeBilinear,
  ResizeNearestNeighbor: resizeNearest,
  ResizeBilinearGrad: resizeBilinearGradient,
  ResizeNearestNeighborGrad: resizeNearestGradient,
  ConvNextV2Resample: resample,
  ConvNextV2ResampleGrad: resampleGradient,
  ConvNextV2RoiAlign: roiAlign,
  ConvNextV2RoiAlignGrad: roiAlignGradient,
  ConvNextV2Gelu: (backend, { x }) => backend.output(x.shape, (out) => backend.native.gelu(backend.floats(x), out)),
  ConvNextV2GeluGrad: (backend, { x, dy }) =>
    backend.output(x.shape, (out) => backend.native.geluGradient(backend.floats(x), backend.floats(dy), out)),
  ConvNextV2AdamW: adamW,
  ConvNextV2GroupNorm: groupNorm,
  ConvNextV2GroupNormGrad: groupNormGradient,
  ConvNextV2LayerNorm: layerNorm,
  ConvNextV2LayerNormGrad: layerNormGradient,
  ConvNextV2GlobalResponseNorm: responseNorm,
  ConvNextV2GlobalResponseNormGrad: responseNormGradient,
  ConvNextV2DepthwiseConvGrad: depthwiseGradient,
};

/** Those of a ConvNeXt's body, V2's and V1's. */
export const BODY_KERNELS: Readonly<Record<string, Simd>> = {
  convnextStem: stem,
  convnextDownsampling: downsampling,
  convnextBlocks: blocks,
};
