// Vectors of floats by the extensions of GCC and clang, of LANES floats for the instruction set that this is compiled for,
// and narrower ones for tails. Everything here is static: the same file is compiled once for each instruction set.
#pragma once
#include <cstdint>
#include <cstring>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 64")

typedef float f4 __attribute__((vector_size(16)));
typedef float f8 __attribute__((vector_size(32)));
typedef float f16 __attribute__((vector_size(64)));
typedef int32_t i4 __attribute__((vector_size(16)));
typedef int32_t i8 __attribute__((vector_size(32)));
typedef int32_t i16 __attribute__((vector_size(64)));

#if LANES == 16
typedef f16 vf;
typedef i16 vi;
#elif LANES == 8
typedef f8 vf;
typedef i8 vi;
#else
typedef f4 vf;
typedef i4 vi;
#endif

template <class V> struct Lanes { static constexpr int count = sizeof(V) / sizeof(float); };

// by memcpy, one instruction each: any float may be the first of a vector
template <class V = vf> INLINE V load(const float *p) {
  V v;
  memcpy(&v, p, sizeof v);
  return v;
}
template <class V> INLINE void store(float *p, V v) { memcpy(p, &v, sizeof v); }
// a loop over the lanes costs ten times as much, and a sum with zero is computed for the sake of -0
template <class V = vf> INLINE V all(float x) { return x - V{}; }

/** The first n floats at p, and zeros: reads nothing behind them. */
INLINE vf loadPart(const float *p, int n) {
  vf v = {};
  memcpy(&v, p, n * sizeof(float));
  return v;
}

INLINE void storePart(float *p, vf v, int n) { memcpy(p, &v, n * sizeof(float)); }

/** Vectors at p of which only the first `left` floats, at least one, may be there. */
INLINE void storeWithin(float *p, vf v, long left) {
  if (left >= LANES) store(p, v);
  else storePart(p, v, (int)left);
}
INLINE vf loadWithin(const float *p, long left) { return left >= LANES ? load(p) : loadPart(p, (int)left); }

/**
 * Runs f(c, V{}) over [0, n): for whole vectors, and at the end for narrower ones and single floats, so that nothing is read or
 * written behind n. V is the type to load and store at c.
 */
template <class F> INLINE void eachGroup(long n, F f) {
  long c = 0;
  for (; c + LANES <= n; c += LANES) f(c, vf{});
#if LANES > 8
  if (c + 8 <= n) f(c, f8{}), c += 8;
#endif
#if LANES > 4
  if (c + 4 <= n) f(c, f4{}), c += 4;
#endif
  for (; c < n; c++) f(c, 0.f);
}

// sums of all lanes, in as few steps, each after the other, as can be
INLINE float sum(float x) { return x; }
INLINE float sum(f4 v) { return (v[0] + v[2]) + (v[1] + v[3]); }
INLINE float sum(f8 v) { return sum(f4{v[0], v[1], v[2], v[3]} + f4{v[4], v[5], v[6], v[7]}); }
INLINE float sum(f16 v) {
  return sum(f8{v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]} + f8{v[8], v[9], v[10], v[11], v[12], v[13], v[14], v[15]});
}

/** Rounds n up to a multiple of `to`. */
INLINE long roundUp(long n, long to) { return (n + to - 1) / to * to; }
