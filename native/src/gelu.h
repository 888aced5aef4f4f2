// The exact GELU, x times the normal distribution's function, to 2e-7 of |x| + 1, and its derivative to 1.3e-6. NaN stays NaN.
#pragma once
#include "gelu-table.h"
#include "vector.h"
#if LANES >= 8
#include <immintrin.h>
#endif

INLINE vf absolute(vf x) { return (vf)((vi)x & 0x7fffffff); }
// these two give x where it is NaN
INLINE vf atLeast(vf x, vf low) { return x < low ? low : x; }
INLINE vf atMost(vf x, vf high) { return x > high ? high : x; }

#if LANES == 16
#define PIECES(name) name##32
#define SCALE(name) name##_SCALE32
INLINE vf pick(const float *coefficients, vi i) {
  return (vf)_mm512_permutex2var_ps((__m512)load(coefficients), (__m512i)i, (__m512)load(coefficients + 16));
}
#elif LANES == 8
#define PIECES(name) name##8
#define SCALE(name) name##_SCALE8
INLINE vf pick(const float *coefficients, vi i) { return (vf)_mm256_permutevar8x32_ps((__m256)load(coefficients), (__m256i)i); }
#endif

#if LANES >= 8
/** The polynomial of the piece that a >= 0 falls into. */
template <int terms, int count> INLINE vf piecewise(const float (&pieces)[terms][count], float scale, vf a) {
  const vf t = a * scale + 12582912.f;  // 1.5 * 2^23: the low bits of the sum are the nearest whole number
  const vf d = a * scale - (t - 12582912.f);
  vf p = pick(pieces[terms - 1], (vi)t);
  UNROLL for (int j = terms - 2; j >= 0; j--) p = p * d + pick(pieces[j], (vi)t);
  return p;
}

INLINE vf gelu(vf x) {
  const vf a = atMost(absolute(x), all(TAIL_CLAMP));
  return atLeast(x, vf{}) - a * piecewise(PIECES(TAIL), SCALE(TAIL), a);
}

INLINE vf geluSlope(vf x) {
  const vf below = piecewise(PIECES(SLOPE), SCALE(SLOPE), atMost(absolute(x), all(SLOPE_CLAMP)));
  return x > 0.f ? 1.f - below : below;
}
#else
template <int count> INLINE vf odd(const float (&coefficients)[count], float clamp, vf x) {
  const vf s = atMost(atLeast(x, all(-clamp)), all(clamp));
  const vf u = s * s - clamp * clamp / 2;
  vf p = all(coefficients[count - 1]);
  UNROLL for (int j = count - 2; j >= 0; j--) p = p * u + coefficients[j];
  return s * p + 0.5f;
}

INLINE vf gelu(vf x) { return x * odd(ODD, ODD_CLAMP, x); }
INLINE vf geluSlope(vf x) { return odd(ODD_SLOPE, ODD_SLOPE_CLAMP, x); }
#endif
