// Many products of matrices of one size.
#pragma once
#include "block.h"

template <bool turned> static void productsOf(const Products &p, const float *a, const float *packed, float *out) {
  const Cut cut(p.rows, p.n);
  const long size = packedSize(p.k, p.n);
  parallel(p.count * cut.tasks(), [&](long job) {
    const long i = job / cut.tasks(), task = job % cut.tasks(), first = cut.firstRow(task);
    float *y = out + (i * p.rows + first) * p.n;
    gemm<turned>(a + p.a[i] * p.rows * p.k + first * (turned ? 1 : p.k), turned ? p.rows : p.k, cut.lastRow(task) - first,
                 packed + p.b[i] * size, p.k, p.n, cut.firstVector(task), cut.lastVector(task), eachVector([=](long row, long v, vf s) {
                   storeWithin(y + row * p.n + v * LANES, s, p.n - v * LANES);
                 }));
  });
}

/** `matrices` of them are at b. */
static void products(const Products &p, const float *a, const float *b, long matrices, float *out) {
  std::vector<std::pair<long, int>> panels;
  eachPanel(p.n, 0, p.n, [&](long v, int vectors) { panels.emplace_back(v, vectors); });
  const long size = packedSize(p.k, p.n), each = (long)panels.size();
  const Scratch packed = scratch(matrices * size);
  parallel(matrices * each, [&](long task) {
    const auto [v, vectors] = panels[task % each];
    const long matrix = task / each;
    packPanel(b + matrix * p.k * p.n, p.k, p.n, p.turnedB ? 1 : p.n, p.turnedB ? p.k : 1, v, vectors, packed.get() + matrix * size + v * LANES * p.k);
  });
  if (p.turnedA) productsOf<true>(p, a, packed.get(), out);
  else productsOf<false>(p, a, packed.get(), out);
}
