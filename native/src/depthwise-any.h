// Depthwise convolutions of any kernel, stride, dilation and padding, NHWC. Weights are packed as depthwise.h has them.
#pragma once
#include <algorithm>
#include <type_traits>
#include <vector>
#include "convolution.h"
#include "depthwise.h"

/** Outputs of a row at once, so that a weight is loaded once for all of them. */
static const int TOGETHER = 8;

/**
 * One group of channels of TOGETHER outputs from column w of row h; `inside` where no tap falls beside the map. The width of the
 * kernel and the stride along it may be known at compile time (0 where not; dilation is 1 where they are): then every input of a
 * row is loaded once, and the weights stay in registers.
 */
template <int width, int stride, class V, class Inside>
INLINE void convolveAny(const float *x, const Geometry &g, long h, long w, const float *taps, V bias, Limits limits, float *y, Inside inside) {
  V c[TOGETHER];
  UNROLL for (int i = 0; i < TOGETHER; i++) c[i] = bias;
  for (long r = 0; r < g.kernelHeight; r++) {
    const long row = h * g.strideY - g.top + r * g.dilationY;
    if (row < 0 || row >= g.height) continue;
    const long first = w * g.strideX - g.left;
    const float *in = x + (row * g.width + first) * g.channels, *weights = taps + r * g.kernelWidth * Lanes<V>::count;
    const auto beside = [&](long column) { return !inside && (unsigned long)(first + column) >= (unsigned long)g.width; };
    if constexpr (width > 0) {
      V weight[width];
      UNROLL for (int s = 0; s < width; s++) weight[s] = load<V>(weights + s * Lanes<V>::count);
      UNROLL for (int t = 0; t < (TOGETHER - 1) * stride + width; t++) {
        if (beside(t)) continue;
        const V value = load<V>(in + t * g.channels);
        UNROLL for (int i = 0; i < TOGETHER; i++) {
          if (t >= i * stride && t < i * stride + width) c[i] += value * weight[t - i * stride];
        }
      }
    } else {
      for (long s = 0; s < g.kernelWidth; s++) {
        const V weight = load<V>(weights + s * Lanes<V>::count);
        UNROLL for (int i = 0; i < TOGETHER; i++) {
          const long column = i * g.strideX + s * g.dilationX;
          if (!beside(column)) c[i] += load<V>(in + column * g.channels) * weight;
        }
      }
    }
  }
  const long columns = std::min((long)TOGETHER, g.outWidth - w);
  UNROLL for (int i = 0; i < TOGETHER; i++) {
    if (i < columns) store<V>(y + i * g.channels, limit(c[i], limits));
  }
}

/** Row h of the convolution of a picture. */
template <int width, int stride>
static void depthwiseAnyRow(const Geometry &g, const float *image, long h, const float *packed, const float *bias, Limits limits, float *y) {
  const long c = g.channels, taps = g.kernelHeight * g.kernelWidth;
  for (long w = 0; w < g.outWidth; w += TOGETHER) {
    const long first = w * g.strideX - g.left, last = first + (TOGETHER - 1) * g.strideX + (g.kernelWidth - 1) * g.dilationX;
    const bool inside = first >= 0 && last < g.width;
    eachGroup(c, [&](long at, auto v) __attribute__((always_inline)) {
      typedef decltype(v) V;
      const V start = load<V>(bias + at);
      if (inside) convolveAny<width, stride, V>(image + at, g, h, w, packed + at * taps, start, limits, y + w * c + at, std::true_type{});
      else convolveAny<width, stride, V>(image + at, g, h, w, packed + at * taps, start, limits, y + w * c + at, std::false_type{});
    });
  }
}

/** depthwiseAnyRow for this geometry: the common ones have one of their own. */
INLINE auto depthwiseRowFor(const Geometry &g) {
  if (g.dilationX == 1 && g.kernelWidth == 3 && g.strideX == 1) return depthwiseAnyRow<3, 1>;
  if (g.dilationX == 1 && g.kernelWidth == 3 && g.strideX == 2) return depthwiseAnyRow<3, 2>;
  return depthwiseAnyRow<0, 0>;
}

static void depthwise(const Geometry &g, const float *x, const float *packed, const float *biasOrNull, Limits limits, float *out) {
  const long c = g.channels, size = g.outWidth * c;
  const auto anyRow = depthwiseRowFor(g);
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
    anyRow(g, image, h, packed, bias, limits, y);
  });
}
