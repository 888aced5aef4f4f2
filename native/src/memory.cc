#include "memory.h"

#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif

static const size_t CACHE_LINE = 64, LARGE_PAGE = 2 << 20;

Scratch scratch(long count) {
  const size_t bytes = (count * sizeof(float) + 2 * CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
  return Scratch((float *)aligned_alloc(CACHE_LINE, bytes));
}

#if defined(__linux__)
void *largePages(size_t bytes) {
  if (bytes < LARGE_PAGE) return nullptr;
  // a mapping may begin anywhere: of a larger one, what lies before the first large page and behind the last byte goes back
  char *all = (char *)mmap(nullptr, bytes + LARGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) return nullptr;
  const size_t before = (LARGE_PAGE - (uintptr_t)all % LARGE_PAGE) % LARGE_PAGE;
  if (before > 0) munmap(all, before);
  freeLargePages(all + before + bytes, LARGE_PAGE - before);
  madvise(all + before, bytes, MADV_HUGEPAGE);
  return all + before;
}

void freeLargePages(void *data, size_t bytes) {
  static const uintptr_t PAGE = 4096;
  const uintptr_t from = ((uintptr_t)data + PAGE - 1) / PAGE * PAGE, to = ((uintptr_t)data + bytes + PAGE - 1) / PAGE * PAGE;
  if (to > from) munmap((void *)from, to - from);
}
#else
void *largePages(size_t) { return nullptr; }
void freeLargePages(void *, size_t) {}
#endif
