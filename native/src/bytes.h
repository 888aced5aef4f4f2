// One pass of PIL's resize: bytes weighed by whole numbers along an axis.
#pragma once
#include <algorithm>
#include <vector>
#include "kernels.h"
#include "pool.h"
#include "vector.h"

/** What the weights are multiplied by, as a power of 2: PIL's, so that no sum of a filter's leaves 32 bits. */
static const int WEIGHT_BITS = 22;

typedef uint8_t vb __attribute__((vector_size(LANES)));

INLINE uint8_t weighed(int32_t sum) { return (uint8_t)std::clamp(sum >> WEIGHT_BITS, 0, 255); }

/** Pixels of `inner` channels, 4 at most: each is a vector of 4. */
static void weighPixels(const uint8_t *x, long from, long inner, const Weights &w, i4 *line, uint8_t *out) {
  for (long i = 0; i < from; i++) {
    for (long c = 0; c < inner; c++) line[i][c] = x[i * inner + c];
  }
  for (long i = 0; i < w.to; i++) {
    i4 sum = i4{} + (1 << (WEIGHT_BITS - 1));
    const i4 *pixel = line + w.first[i];
    const int32_t *weight = w.values + i * w.taps;
    for (long k = 0; k < w.count[i]; k++) sum += pixel[k] * weight[k];
    for (long c = 0; c < inner; c++) out[i * inner + c] = weighed(sum[c]);
  }
}

/** Element i of the result along the axis, over everything behind it. */
static void weighRow(const uint8_t *x, long inner, const Weights &w, long i, uint8_t *out) {
  const uint8_t *first = x + w.first[i] * inner;
  const int32_t *weight = w.values + i * w.taps;
  const long count = w.count[i];
  long c = 0;
  for (; c + LANES <= inner; c += LANES) {
    vi sum = vi{} + (1 << (WEIGHT_BITS - 1));
    for (long k = 0; k < count; k++) {
      vb bytes;
      memcpy(&bytes, first + k * inner + c, sizeof bytes);
      sum += __builtin_convertvector(bytes, vi) * weight[k];
    }
    sum >>= WEIGHT_BITS;
    sum = sum < 0 ? vi{} : sum;
    sum = sum > 255 ? vi{} + 255 : sum;
    const vb bytes = __builtin_convertvector(sum, vb);
    memcpy(out + c, &bytes, sizeof bytes);
  }
  for (; c < inner; c++) {
    int32_t sum = 1 << (WEIGHT_BITS - 1);
    for (long k = 0; k < count; k++) sum += weight[k] * first[k * inner + c];
    out[c] = weighed(sum);
  }
}

/** x [outer, from, inner] to out [outer, w.to, inner]. */
static void weighBytes(const uint8_t *x, long outer, long from, long inner, const Weights &w, uint8_t *out) {
  if (inner <= 4) {
    const long step = std::max(1L, 4096 / w.to);
    parallel((outer + step - 1) / step, [&](long task) {
      std::vector<i4> line(from);
      for (long o = task * step; o < std::min(outer, (task + 1) * step); o++) {
        weighPixels(x + o * from * inner, from, inner, w, line.data(), out + o * w.to * inner);
      }
    });
    return;
  }
  const long step = std::max(1L, 16384 / inner), rows = outer * w.to;
  parallel((rows + step - 1) / step, [&](long task) {
    for (long row = task * step; row < std::min(rows, (task + 1) * step); row++) {
      weighRow(x + row / w.to * from * inner, inner, w, row % w.to, out + row * inner);
    }
  });
}
