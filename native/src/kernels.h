// What is compiled once for each instruction set, behind one table of functions.
#pragma once
#include "geometry.h"

/** The weights of a ConvNeXt block, packed. gamma and beta of GRN are null in V1, scale (of V1's layer scale) in V2. */
struct Block {
  long channels;
  const float *taps, *tapsBias;        // depthwise, packed; [channels]
  const float *gamma, *beta;           // of the layer norm
  float epsilon;
  const float *expand, *expandBias;    // packed [channels, 4 channels]; padded to whole vectors
  const float *reduce, *reduceBias;    // packed [4 channels, channels]; padded
  const float *grnGamma;               // [4 channels], padded
};

/** What happens to A B before it is written. */
enum Activation { NONE, GELU, RELU };

/** A layer norm over the channels, or none. */
struct Norm {
  const float *gamma, *beta;
  float epsilon;
};

/** A convolution whose patches do not overlap: kernel = stride, no padding. What it reads, or what it gives, may be normalised. */
struct Patches {
  long n, height, width, channels, side;
  Norm before, after;
};

/** Elementwise operations. */
enum Binary { ADD, SUBTRACT, MULTIPLY, DIVIDE, MAXIMUM, MINIMUM, SQUARED_DIFFERENCE, POWER, LEAKY, STEP, ELU_SLOPE };
/** Those whose result is a truth. */
enum Comparison { EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL };
enum Unary { SQUARE, SQUARE_ROOT, RECIPROCAL_ROOT, NEGATE, RECTIFY, ABSOLUTE, EXPONENTIAL, LOGARITHM, LOGISTIC, HYPERBOLIC_TANGENT, ELU, SELU, SOFTPLUS, LOG_1_PLUS, EXP_LESS_1, ERF, RECIPROCAL, FLOOR, SIGN };

static const int AXES = 6;

/** Two operands of six axes: the size of the result, and how far apart an operand's neighbours lie (0: the same again). */
struct Broadcast {
  long size[AXES], a[AXES], b[AXES];
};

/** Products of matrices a [rows, k] and b [k, n], or turned, [k, rows] and [n, k]: for each of `count` the number of its matrix in both. */
struct Products {
  long count, rows, k, n;
  bool turnedA, turnedB;
  const int32_t *a, *b;
};

/** For each of `to` places of a result: the first place, how many follow, and their weights at `taps * i`, times 2^22. */
struct Weights {
  long to, taps;
  const int32_t *first, *count, *values;
};

/** The numbers of a step of AdamW: those of src/ops/adamw-step.ts, the betas with what they leave of 1. */
struct AdamW {
  float beta1, rest1, beta2, rest2, epsilon, kept, rate, rootScale;
};

/** A box of six axes in two arrays: its size, and how far apart neighbours lie in each. */
struct Box {
  long size[AXES], in[AXES], out[AXES];
};

/** RoIAlign of maps [n, height, width, channels]: see src/ops/roi-align.ts. */
struct RoiAlign {
  long n, height, width, channels, outHeight, outWidth, samplingRatio;
  bool halfPixel;
  float scale;
};

struct Kernels {
  const char *name;
  int lanes;
  long (*packedSize)(long k, long n);
  void (*pack)(const float *b, long k, long n, long rowStride, long columnStride, float *packed);
  void (*packDepthwise)(const float *weights, long taps, long channels, float *packed);
  /** x and out [n, height, width, channels]; they may not be the same. */
  void (*block)(const Block &block, const float *x, long n, long height, long width, float *out);
  /** out [rows, n] = activation(a [rows, k] b + bias); bias may be null. */
  void (*matMul)(const float *a, long rows, long k, const float *packed, long n, const float *bias, Activation activation, float *out);
  void (*patches)(const Patches &patches, const float *x, const float *packed, long n, const float *bias, float *out);
  void (*layerNorm)(const float *x, long positions, long channels, const float *gamma, const float *beta, float epsilon, float *out);
  void (*gelu)(const float *x, long count, float *out);
  void (*binary)(Binary op, const float *a, const float *b, const Broadcast &shape, float *out);
  void (*unary)(Unary op, const float *x, long count, float *out);
  /** out has 1 where it holds, and 0. */
  void (*compare)(Comparison op, const float *a, const float *b, const Broadcast &shape, uint8_t *out);
  /** yes where `which` is 1, and no elsewhere. */
  void (*select)(const uint8_t *which, const float *yes, const float *no, long count, float *out);
  void (*clip)(const float *x, long count, Limits limits, float *out);
  void (*softmax)(const float *x, long rows, long n, float *out);
  /** kept[i] tells whether box order[i] is kept, of `most` at most: see src/boxes/nms.ts. */
  void (*suppress)(const float *boxes, const int32_t *order, const int32_t *groups, long count, double threshold, double most, uint8_t *kept);
  /** x [outer, reduced, inner] to out [outer, inner], divided by `divisor`. */
  void (*sum)(const float *x, long outer, long reduced, long inner, double divisor, float *out);
  /** The greatest of x [outer, reduced, inner] to out [outer, inner], or the least; NaN where one is. */
  void (*extreme)(const float *x, long outer, long reduced, long inner, bool least, float *out);
  /** Adds rows of x [rows, inner] up, each to row ids[i] of out [segments, inner]; others are in none. */
  void (*segmentSum)(const float *x, const int32_t *ids, long rows, long inner, long segments, float *out);
  /** From a parameter, its gradient and its moments to new ones of them. */
  void (*adamW)(const AdamW &rates, const float *const in[4], long count, float *const out[3]);
  void (*matMulTransposed)(const float *a, const float *b, long rows, long k, long n, float *out);
  /** Gradients of the 7x7 depthwise convolution; `flipped` is the filter turned round, packed. */
  void (*depthwiseInput)(const float *dy, long n, long height, long width, long channels, const float *flipped, float *dx);
  void (*depthwiseFilter)(const float *x, const float *dy, long n, long height, long width, long channels, float *out);
  void (*depthwiseAnyInput)(const Geometry &geometry, const float *dy, const float *filter, float *dx);
  void (*depthwiseAnyFilter)(const Geometry &geometry, const float *x, const float *dy, float *out);
  /** Gradients of any convolution; the filter as it lies. */
  void (*convolutionInput)(const Geometry &geometry, const float *dy, const float *filter, float *dx);
  void (*convolutionFilter)(const Geometry &geometry, const float *x, const float *dy, float *out);
  void (*products)(const Products &products, const float *a, const float *b, long matrices, float *out);
  void (*poolGradient)(const Maps &maps, const float *x, const float *dy, const int32_t *rows, const int32_t *columns, float share, float *dx);
  void (*interpolateGradient)(const Maps &maps, const float *dy, const int32_t *rows, const float *rowShares, const int32_t *columns, const float *columnShares, float *dx);
  void (*groupNorm)(const float *x, const float *gamma, const float *beta, long groups, float epsilon, long n, long positions, long channels, float *out);
  void (*groupNormGradient)(const float *x, const float *gamma, const float *dy, long groups, float epsilon, long n, long positions, long channels, float *dx, float *dgamma, float *dbeta);
  void (*patchesInput)(const Patches &patches, const float *dy, const float *packed, long n, float *dx);
  void (*layerNormGradient)(const float *x, const float *gamma, const float *dy, float epsilon, long positions, long channels, float *dx, float *dgamma, float *dbeta);
  void (*responseNorm)(const float *x, const float *gamma, const float *beta, long n, long positions, long channels, float *out);
  void (*responseNormGradient)(const float *x, const float *gamma, const float *dy, long n, long positions, long channels, float *dx, float *dgamma, float *dbeta);
  void (*geluGradient)(const float *x, const float *dy, long count, float *dx);
  /** Fused multiply-adds that never leave the registers: how many floating point operations were done. */
  double (*peak)(long steps);
  long (*winogradSize)(long channels, long to);
  void (*packWinograd)(const float *weights, long channels, long to, float *packed);
  /** A 3x3 convolution of stride 1. */
  void (*winograd)(const Geometry &geometry, const float *x, const float *packed, const float *bias, Limits limits, float *out);
  /** Any convolution; weights [kernelHeight * kernelWidth * channels, to], packed. */
  void (*convolution)(const Geometry &geometry, const float *x, const float *packed, const float *bias, Limits limits, float *out);
  /** With as many channels out as in. */
  void (*depthwise)(const Geometry &geometry, const float *x, const float *packed, const float *bias, Limits limits, float *out);
  void (*pool)(const Maps &maps, const float *x, const int32_t *rows, const int32_t *columns, bool greatest, float *out);
  void (*interpolate)(const Maps &maps, const float *x, const int32_t *rows, const float *rowShares, const int32_t *columns, const float *columnShares, float *out);
  void (*roiAlign)(const RoiAlign &align, const float *x, const float *rois, long count, float *out);
  void (*roiAlignGradient)(const RoiAlign &align, const float *dy, const float *rois, long count, float *dx);
  void (*copyBox)(const Box &box, const float *x, float *out);
  void (*weighBytes)(const uint8_t *x, long outer, long from, long inner, const Weights &weights, uint8_t *out);
};

extern const Kernels KERNELS_AVX512, KERNELS_AVX2, KERNELS_BASELINE;

/** Those that this CPU can run, the best first; null behind the last. */
const Kernels *kernelsAt(int i);
