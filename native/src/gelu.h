// The exact GELU, x times the normal distribution's function, to 2e-7 of |x| + 1. NaN stays NaN.
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
static const int PIECES = 32, DEGREE = 3;
INLINE vf piece(int j, vi i) { return (vf)_mm512_permutex2var_ps((__m512)load(PIECES32[j]), (__m512i)i, (__m512)load(PIECES32[j] + 16)); }
#define GELU_SCALE SCALE32
#elif LANES == 8
static const int PIECES = 16, DEGREE = 4;
INLINE vf piece(int j, vi i) {
  __m256 low = _mm256_permutevar8x32_ps((__m256)load(PIECES16[j]), (__m256i)i);
  __m256 high = _mm256_permutevar8x32_ps((__m256)load(PIECES16[j] + 8), (__m256i)i);
  return (vf)_mm256_blendv_ps(low, high, (__m256)(i << 28));  // bit 3 of the index, moved to the sign
}
#define GELU_SCALE SCALE16
#endif

#if LANES >= 8
INLINE vf gelu(vf x) {
  const vf a = atMost(absolute(x), all(CLAMP));
  const vf t = a * GELU_SCALE + 12582912.f;  // 1.5 * 2^23: the low bits of the sum are the nearest whole number
  const vf d = a * GELU_SCALE - (t - 12582912.f);
  vf p = piece(DEGREE, (vi)t);
  UNROLL for (int j = DEGREE - 1; j >= 0; j--) p = p * d + piece(j, (vi)t);
  return atLeast(x, vf{}) - a * p;
}
#else
INLINE vf gelu(vf x) {
  const vf s = atMost(atLeast(x, all(-ODD_CLAMP)), all(ODD_CLAMP));
  const vf u = s * s - ODD_CLAMP * ODD_CLAMP / 2;
  vf p = all(ODD[14]);
  UNROLL for (int j = 13; j >= 0; j--) p = p * u + ODD[j];
  return x * (s * p + 0.5f);
}
#endif
