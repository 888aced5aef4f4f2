#include <cstring>

#include "kernels.h"

#if defined(__x86_64__)
static bool runs(const Kernels *k) {
  __builtin_cpu_init();
  if (k == &KERNELS_AVX512) return __builtin_cpu_supports("x86-64-v4");
  if (k == &KERNELS_AVX2) return __builtin_cpu_supports("x86-64-v3");
  return true;
}
static const Kernels *const ALL[] = {&KERNELS_AVX512, &KERNELS_AVX2, &KERNELS_BASELINE};
#else
static bool runs(const Kernels *) { return true; }
static const Kernels *const ALL[] = {&KERNELS_BASELINE};
#endif

const Kernels *kernelsAt(int i) {
  for (const Kernels *k : ALL) {
    if (runs(k) && i-- == 0) return k;
  }
  return nullptr;
}
