// How a thread computes with denormals, numbers below 1.2e-38: an Intel CPU takes some 150 cycles for each instruction that meets one.
// Adam's moments of a weight without a gradient end there for good, since 0.9 of the least one rounds to itself. TensorFlow's kernels
// flush them as well.
#pragma once
#if defined(__x86_64__)
#include <immintrin.h>

typedef unsigned FloatMode;
/** Takes them for 0 in operands and results. */
static const FloatMode FLUSH = 0x8040;
static inline FloatMode floatMode() { return _mm_getcsr(); }
static inline void setFloatMode(FloatMode mode) { _mm_setcsr(mode); }
#else
/** Other CPUs compute with them at full speed, or near it. */
typedef unsigned FloatMode;
static const FloatMode FLUSH = 0;
static inline FloatMode floatMode() { return 0; }
static inline void setFloatMode(FloatMode) {}
#endif

/** Sets a mode besides the thread's own, and puts that back at the end: JavaScript computes on this thread, too. */
class WithFloatMode {
 public:
  explicit WithFloatMode(FloatMode more) : before_(floatMode()) { setFloatMode(before_ | more); }
  ~WithFloatMode() { setFloatMode(before_); }
  WithFloatMode(const WithFloatMode &) = delete;

 private:
  const FloatMode before_;
};
