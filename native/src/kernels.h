// What is compiled once for each instruction set, behind one table of functions.
#pragma once
#include "geometry.h"

/** The weights of a ConvNeXt block, packed. gamma and beta of GRN are null in V1, scale (of V1's layer scale) in V2. */
struct Block {
  long channels;
  const float *taps, *tapsBias;        // depthwise, packed; [channels]
  const float *gamma, *beta;           // of the layer norm
  const float *expand, *expandBias;    // packed [channels, 4 channels]; padded to whole vectors
  const float *reduce, *reduceBias;    // packed [4 channels, channels]; padded
  const float *grnGamma;               // [4 channels], padded
};

/** What happens to A B before it is written. */
enum Activation { NONE, GELU, RELU };

/** A convolution whose patches do not overlap: kernel = stride, no padding. */
struct Patches {
  long n, height, width, channels, side;
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
  void (*mean)(const float *x, long n, long positions, long channels, float *out);
  /** Fused multiply-adds that never leave the registers: how many floating point operations were done. */
  double (*peak)(long steps);
  long (*winogradSize)(long channels, long to);
  void (*packWinograd)(const float *weights, long channels, long to, float *packed);
  /** A 3x3 convolution of stride 1. */
  void (*winograd)(const Geometry &geometry, const float *x, const float *packed, const float *bias, Limits limits, float *out);
  /** Any convolution; weights [kernelHeight * kernelWidth * channels, to], packed. */
  void (*convolution)(const Geometry &geometry, const float *x, const float *packed, const float *bias, Limits limits, float *out);
  void (*depthwise)(const Geometry &geometry, const float *x, const float *packed, const float *bias, Limits limits, float *out);
  void (*pool)(const Maps &maps, const float *x, const int32_t *rows, const int32_t *columns, bool greatest, float *out);
  void (*interpolate)(const Maps &maps, const float *x, const int32_t *rows, const float *rowShares, const int32_t *columns, const float *columnShares, float *out);
  void (*responseNorm)(const float *x, long n, long positions, long channels, const float *gamma, const float *beta, float *out);
};

extern const Kernels KERNELS_AVX512, KERNELS_AVX2, KERNELS_BASELINE;

/** Those that this CPU can run, the best first; null behind the last. */
const Kernels *kernelsAt(int i);
