// Depthwise 7x7 convolution with 3 rows and columns of zeros around, and layer norm over the channels, NHWC.
#pragma once
#include <algorithm>
#include <cmath>
#include <type_traits>
#include "vector.h"

static const int KERNEL = 7, PAD = 3, TAPS = KERNEL * KERNEL;
/** Outputs of a row at once: 7 divides the maps of a 224-pixel picture, and the accumulators fill the registers. */
static const int AT_ONCE = 7;

struct Map {
  long height, width, channels;
};

/** Packs weights [taps][channels] so that a group of channels has its taps together. */
static void packDepthwise(const float *weights, long taps, long channels, float *packed) {
  eachGroup(channels, [&](long c, auto v) {
    for (long tap = 0; tap < taps; tap++) {
      for (int lane = 0; lane < Lanes<decltype(v)>::count; lane++) *packed++ = weights[tap * channels + c + lane];
    }
  });
}

/** One group of channels of AT_ONCE outputs from column w of row h; `inside` where no tap falls beside the map. */
template <class V, class Inside>
INLINE void convolve(const float *x, const Map &map, long h, long w, const float *taps, V bias, float *y, long ldy, Inside inside) {
  V c[AT_ONCE];
  UNROLL for (int i = 0; i < AT_ONCE; i++) c[i] = bias;
  const long first = std::max(0L, h - PAD), last = std::min(map.height, h + PAD + 1);
  for (long row = first; row < last; row++) {
    const float *in = x + (row * map.width + w - PAD) * map.channels;
    const float *k = taps + (row - h + PAD) * KERNEL * Lanes<V>::count;
    V weight[KERNEL];
    UNROLL for (int s = 0; s < KERNEL; s++) weight[s] = load<V>(k + s * Lanes<V>::count);
    UNROLL for (int t = 0; t < AT_ONCE + KERNEL - 1; t++) {
      if (!inside && (unsigned long)(w + t - PAD) >= (unsigned long)map.width) continue;
      const V value = load<V>(in + t * map.channels);
      UNROLL for (int i = 0; i < AT_ONCE; i++) {
        if (t - i >= 0 && t - i < KERNEL) c[i] += value * weight[t - i];
      }
    }
  }
  const long columns = std::min((long)AT_ONCE, map.width - w);
  UNROLL for (int i = 0; i < AT_ONCE; i++) {
    if (i < columns) store<V>(y + i * ldy, c[i]);
  }
}

/** Row h of the convolution: y holds the row's outputs, ldy apart. */
static void depthwiseRow(const float *x, const Map &map, long h, const float *packed, const float *bias, float *y, long ldy) {
  for (long w = 0; w < map.width; w += AT_ONCE) {
    const bool inside = w >= PAD && w + AT_ONCE + PAD <= map.width;
    eachGroup(map.channels, [&](long c, auto v) __attribute__((always_inline)) {
      typedef decltype(v) V;
      const V start = load<V>(bias + c);
      const float *taps = packed + c * TAPS;
      if (inside) convolve<V>(x + c, map, h, w, taps, start, y + w * ldy + c, ldy, std::true_type{});
      else convolve<V>(x + c, map, h, w, taps, start, y + w * ldy + c, ldy, std::false_type{});
    });
  }
}

/** Layer norm of one position: (x - mean) / sqrt(variance + epsilon) * gamma + beta, from x to y, which may be x. */
INLINE void layerNorm(const float *x, long channels, const float *gamma, const float *beta, float epsilon, float *y) {
  const float share = 1.f / channels;
  vf s = {};
  float rest = 0;
  eachGroup(channels, [&](long c, auto v) __attribute__((always_inline)) {
    typedef decltype(v) V;
    if constexpr (Lanes<V>::count == LANES) s += load<V>(x + c);
    else rest += sum(load<V>(x + c));
  });
  const float mean = (sum(s) + rest) * share;
  s = vf{};
  rest = 0;
  eachGroup(channels, [&](long c, auto v) __attribute__((always_inline)) {
    typedef decltype(v) V;
    const V d = load<V>(x + c) - mean;
    if constexpr (Lanes<V>::count == LANES) s += d * d;
    else rest += sum(d * d);
  });
  const float scale = 1.f / sqrtf((sum(s) + rest) * share + epsilon);
  eachGroup(channels, [&](long c, auto v) __attribute__((always_inline)) {
    typedef decltype(v) V;
    store<V>(y + c, (load<V>(x + c) - mean) * scale * load<V>(gamma + c) + load<V>(beta + c));
  });
}
