// Any convolution as a product, NHWC: the patches of a few outputs are gathered at a time, each a row of A.
#pragma once
#include <algorithm>
#include "block.h"

/** Limits, NaN apart. */
template <class V> INLINE V limit(V x, Limits limits) {
  const V low = all<V>(limits.low), high = all<V>(limits.high);
  x = x < low ? low : x;
  return x > high ? high : x;
}

/** memcpy for a few floats: a call of it costs as much as they do. */
INLINE void copy(const float *from, long n, float *to) {
  eachGroup(n, [&](long i, auto v) { store(to + i, load<decltype(v)>(from + i)); });
}

/** Copies the patch under one output, [kernelHeight, kernelWidth, channels], with zeros beside the map. */
INLINE void gather(const Geometry &g, const float *image, long outRow, long outColumn, float *to) {
  const long run = g.kernelWidth * g.channels, left = outColumn * g.strideX - g.left;
  for (long i = 0; i < g.kernelHeight; i++, to += run) {
    const long row = outRow * g.strideY - g.top + i * g.dilationY;
    if (row < 0 || row >= g.height) {
      std::fill_n(to, run, 0.f);
      continue;
    }
    const float *line = image + row * g.width * g.channels;
    if (g.dilationX == 1 && left >= 0 && left + g.kernelWidth <= g.width) {
      copy(line + left * g.channels, run, to);
    } else if (g.dilationX == 1) {
      const long from = std::clamp(-left, 0L, g.kernelWidth) * g.channels;
      const long end = std::max(from, std::clamp(g.width - left, 0L, g.kernelWidth) * g.channels);
      std::fill_n(to, from, 0.f);
      copy(line + left * g.channels + from, end - from, to + from);
      std::fill_n(to + end, run - end, 0.f);
    } else {
      for (long j = 0; j < g.kernelWidth; j++) {
        const long column = left + j * g.dilationX;
        if (column < 0 || column >= g.width) std::fill_n(to + j * g.channels, g.channels, 0.f);
        else copy(line + column * g.channels, g.channels, to + j * g.channels);
      }
    }
  }
}

/** The patches under `count` outputs, from the one numbered `first` of all. */
static void gatherAll(const Geometry &g, const float *x, long first, long count, float *to) {
  const long size = g.kernelHeight * g.kernelWidth * g.channels, pictureSize = g.height * g.width * g.channels;
  long row = first / g.outWidth % g.outHeight, column = first % g.outWidth;
  x += first / (g.outWidth * g.outHeight) * pictureSize;
  for (long i = 0; i < count; i++, to += size) {
    gather(g, x, row, column, to);
    // counted rather than divided, which took an eighth of a stem's time
    if (++column < g.outWidth) continue;
    column = 0;
    if (++row < g.outHeight) continue;
    row = 0;
    x += pictureSize;
  }
}

/** Floats of gathered patches: 0.4 MB leaves room in the second-level cache for a panel. In whole tiles, of 8 rows or 12. */
static const long GATHERED = 110000;

/** Of a convolution of 1x1 the map is A as it lies. */
INLINE bool isPointwise(const Geometry &g) {
  return g.kernelHeight * g.kernelWidth == 1 && g.strideY == 1 && g.strideX == 1 && g.top + g.left == 0 && g.outHeight == g.height && g.outWidth == g.width;
}

static void convolution(const Geometry &g, const float *x, const float *packed, const float *bias, Limits limits, float *out) {
  const long k = g.kernelHeight * g.kernelWidth * g.channels, n = g.to;
  const bool pointwise = isPointwise(g);
  const Cut cut(g.n * g.outHeight * g.outWidth, n, pointwise ? BLOCK_ROWS : std::clamp(GATHERED / k / 24 * 24, 24L, BLOCK_ROWS));
  parallel(cut.tasks(), [&](long task) {
    const long first = cut.firstRow(task), rows = cut.lastRow(task) - first;
    const Scratch patches = scratch(pointwise ? 0 : rows * k);
    if (!pointwise) gatherAll(g, x, first, rows, patches.get());
    float *y = out + first * n;
    gemm(pointwise ? x + first * k : patches.get(), k, rows, packed, k, n, cut.firstVector(task), cut.lastVector(task),
         eachVector([=](long i, long v, vf s) {
           const long left = n - v * LANES;
           const vf start = bias ? loadWithin(bias + v * LANES, left) : vf{};
           storeWithin(y + i * n + v * LANES, limit(s + start, limits), left);
         }));
  });
}
