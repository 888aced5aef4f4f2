// Depthwise convolutions of any kernel, stride, dilation and padding, NHWC. Weights are packed as depthwise.h has them.
#pragma once
#include <algorithm>
#include <type_traits>
#include <vector>
#include "convolution.h"
#include "depthwise.h"

/** Outputs of a row at once, so that a weight is loaded once for all of them. */
static const int TOGETHER = 8;

/** One group of channels of TOGETHER outputs from column w of row h; `inside` where no tap falls beside the map. */
template <class V, class Inside>
INLINE void convolveAny(const float *x, const Geometry &g, long h, long w, const float *taps, V bias, Limits limits, float *y, Inside inside) {
  V c[TOGETHER];
  UNROLL for (int i = 0; i < TOGETHER; i++) c[i] = bias;
  for (long r = 0; r < g.kernelHeight; r++) {
    const long row = h * g.strideY - g.top + r * g.dilationY;
    if (row < 0 || row >= g.height) continue;
    for (long s = 0; s < g.kernelWidth; s++) {
      const long column = w * g.strideX - g.left + s * g.dilationX;
      const float *in = x + (row * g.width + column) * g.channels;
      const V weight = load<V>(taps + (r * g.kernelWidth + s) * Lanes<V>::count);
      UNROLL for (int i = 0; i < TOGETHER; i++) {
        if (!inside && (unsigned long)(column + i * g.strideX) >= (unsigned long)g.width) continue;
        c[i] += load<V>(in + i * g.strideX * g.channels) * weight;
      }
    }
  }
  const long columns = std::min((long)TOGETHER, g.outWidth - w);
  UNROLL for (int i = 0; i < TOGETHER; i++) {
    if (i < columns) store<V>(y + i * g.channels, limit(c[i], limits));
  }
}

static void depthwise(const Geometry &g, const float *x, const float *packed, const float *biasOrNull, Limits limits, float *out) {
  const long c = g.channels, taps = g.kernelHeight * g.kernelWidth, size = g.outWidth * c;
  const std::vector<float> zeros(biasOrNull ? 0 : c);
  const float *bias = biasOrNull ? biasOrNull : zeros.data();
  const bool ofConvNeXt = g.kernelHeight == KERNEL && g.kernelWidth == KERNEL && g.top == PAD && g.left == PAD && g.outHeight == g.height &&
                          g.outWidth == g.width && g.strideY * g.strideX * g.dilationY * g.dilationX == 1;
  parallel(g.n * g.outHeight, [&](long task) {
    const long h = task % g.outHeight;
    const float *image = x + task / g.outHeight * g.height * g.width * c;
    float *y = out + task * size;
    if (ofConvNeXt) {
      depthwiseRow(image, {g.height, g.width, c}, h, packed, bias, y, c);
      eachGroup(size, [&](long i, auto v) { store(y + i, limit(load<decltype(v)>(y + i), limits)); });
      return;
    }
    for (long w = 0; w < g.outWidth; w += TOGETHER) {
      const long first = w * g.strideX - g.left, last = first + (TOGETHER - 1) * g.strideX + (g.kernelWidth - 1) * g.dilationX;
      const bool inside = first >= 0 && last < g.width;
      eachGroup(c, [&](long at, auto v) __attribute__((always_inline)) {
        typedef decltype(v) V;
        const V start = load<V>(bias + at);
        if (inside) convolveAny<V>(image + at, g, h, w, packed + at * taps, start, limits, y + w * c + at, std::true_type{});
        else convolveAny<V>(image + at, g, h, w, packed + at * taps, start, limits, y + w * c + at, std::false_type{});
      });
    }
  });
}
