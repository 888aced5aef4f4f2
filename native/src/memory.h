// Memory of the kernels' own.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <memory>

struct Free {
  void operator()(float *p) const { free(p); }
};

/** Scratch memory for so many floats, aligned to a cache line. */
typedef std::unique_ptr<float, Free> Scratch;
Scratch scratch(long count);

/**
 * Zeros in pages of 2 MB, or null where the system has none or that is too little for one: give it back with freeLargePages.
 * A network's weights lie in more pages of 4 KB than a processor keeps the addresses of.
 */
void *largePages(size_t bytes);
void freeLargePages(void *data, size_t bytes);
