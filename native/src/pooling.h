// Pooling over any windows, and interpolation between neighbours, NHWC. Windows and neighbours are given for each output row and
// column, so that padding, strides, centres and corners are the caller's.
#pragma once
#include <algorithm>
#include <cmath>
#include "geometry.h"
#include "pool.h"
#include "vector.h"

/** Runs f(input map, output row, output column, output) for every output position. */
template <class F> static inline void eachOutput(const Maps &m, const float *x, float *out, F f) {
  const long all = m.n * m.outHeight * m.outWidth, step = std::max(1L, 4096 / m.channels);
  parallel((all + step - 1) / step, [&](long task) {
    for (long i = task * step; i < std::min(all, (task + 1) * step); i++) {
      f(x + i / (m.outHeight * m.outWidth) * m.height * m.width * m.channels, i / m.outWidth % m.outHeight, i % m.outWidth, out + i * m.channels);
    }
  });
}

/** The greatest, NaN apart, or the mean of each window; rows and columns hold a begin and an end for each output. */
template <bool greatest> static void poolOf(const Maps &m, const float *x, const int32_t *rows, const int32_t *columns, float *out) {
  eachOutput(m, x, out, [&](const float *image, long row, long column, float *y) {
    const int32_t *r = rows + 2 * row, *s = columns + 2 * column;
    const float count = (float)(r[1] - r[0]) * (s[1] - s[0]);
    eachGroup(m.channels, [&](long c, auto v) {
      typedef decltype(v) V;
      V total = all<V>(greatest ? -INFINITY : -0.f);
      for (long i = r[0]; i < r[1]; i++) {
        for (long j = s[0]; j < s[1]; j++) {
          const V value = load<V>(image + (i * m.width + j) * m.channels + c);
          if constexpr (greatest) total = value > total ? value : total;
          else total += value;
        }
      }
      store<V>(y + c, greatest ? total : total / count);
    });
  });
}

static void pool(const Maps &m, const float *x, const int32_t *rows, const int32_t *columns, bool greatest, float *out) {
  if (greatest) poolOf<true>(m, x, rows, columns, out);
  else poolOf<false>(m, x, rows, columns, out);
}

/** rows and columns hold two neighbours for each output; the shares are those of the second. */
static void interpolate(const Maps &m, const float *x, const int32_t *rows, const float *rowShares, const int32_t *columns, const float *columnShares, float *out) {
  eachOutput(m, x, out, [&](const float *image, long row, long column, float *y) {
    const int32_t *r = rows + 2 * row, *s = columns + 2 * column;
    const float *a = image + (r[0] * m.width + s[0]) * m.channels, *b = image + (r[0] * m.width + s[1]) * m.channels;
    const float *c = image + (r[1] * m.width + s[0]) * m.channels, *d = image + (r[1] * m.width + s[1]) * m.channels;
    const float down = rowShares[row], right = columnShares[column];
    eachGroup(m.channels, [&](long i, auto v) {
      typedef decltype(v) V;
      const V above = load<V>(a + i) + (load<V>(b + i) - load<V>(a + i)) * right;
      const V below = load<V>(c + i) + (load<V>(d + i) - load<V>(c + i)) * right;
      store<V>(y + i, above + (below - above) * down);
    });
  });
}
