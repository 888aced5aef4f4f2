// The fused ConvNeXt block: depthwise convolution and norm, to four channels for each with GELU and GRN's sums of squares, and
// back with GRN folded in and the input added. See PERFORMANCE in docs/performance.md for where the time goes.
#pragma once
#include <vector>
#include "depthwise.h"
#include "gelu.h"
#include "gemm.h"
#include "kernels.h"
#include "memory.h"
#include "pool.h"

/** Rows of a block of A: few enough to stay in the second-level cache with a panel of B. */
static const long BLOCK_ROWS = 96;
/** A job of fewer tasks leaves threads idle at its end. */
static const long WANTED_TASKS = 16;

/** How a product [rows, n] is cut into tasks: by its shape alone, so that sums are the same on any number of threads. */
struct Cut {
  long rows, vectors, rowBlocks, columnBlocks;
  Cut(long rows, long n, long most = BLOCK_ROWS) : rows(rows), vectors(roundUp(n, LANES) / LANES) {
    rowBlocks = (rows + most - 1) / most;
    columnBlocks = std::clamp((WANTED_TASKS + rowBlocks - 1) / rowBlocks, 1L, (vectors + 5) / 6);
  }
  long tasks() const { return rowBlocks * columnBlocks; }
  long rowBlock(long task) const { return task % rowBlocks; }
  long firstRow(long task) const { return rows * (task % rowBlocks) / rowBlocks; }
  long lastRow(long task) const { return rows * (task % rowBlocks + 1) / rowBlocks; }
  long firstVector(long task) const { return vectors * (task / rowBlocks) / columnBlocks; }
  long lastVector(long task) const { return vectors * (task / rowBlocks + 1) / columnBlocks; }
};

/** One picture, or several small ones whose maps are `positions` each, through a block. */
static void blockOf(const Block &block, const float *x, long n, long height, long width, float *out) {
  const long c = block.channels, f = 4 * c, positions = height * width, rows = n * positions;
  const long ldc = roundUp(c, LANES), ldf = roundUp(f, LANES);
  const Scratch normed = scratch(rows * ldc), hidden = scratch(rows * ldf);
  const Map map = {height, width, c};

  parallel(n * height, [&](long task) {
    const float *image = x + task / height * positions * c;
    float *y = normed.get() + task * width * ldc;
    depthwiseRow(image, map, task % height, block.taps, block.tapsBias, y, ldc);
    for (long w = 0; w < width; w++) layerNorm(y + w * ldc, c, block.gamma, block.beta, block.epsilon, y + w * ldc);
  });

  const Cut expand(positions, f);
  const bool grn = block.grnGamma != nullptr;
  const Scratch squares = scratch(grn ? n * expand.rowBlocks * ldf : 0);
  parallel(n * expand.tasks(), [&](long job) {
    const long image = job / expand.tasks(), task = job % expand.tasks(), first = expand.firstRow(task);
    const float *a = normed.get() + (image * positions + first) * ldc;
    float *h = hidden.get() + (image * positions + first) * ldf;
    float *sums = squares.get() + (image * expand.rowBlocks + expand.rowBlock(task)) * ldf;
    const long from = expand.firstVector(task), to = expand.lastVector(task), count = expand.lastRow(task) - first;
    if (grn) eachPanel(f, from, to, [&](long v, int vectors) { memset(sums + v * LANES, 0, vectors * sizeof(vf)); });
    gemm(a, ldc, count, block.expand, c, f, from, to, [&](long row, int rows, long v, int vectors, const float *tile) {
      for (int j = 0; j < vectors; j++) {
        const long at = (v + j) * LANES;
        const vf bias = load(block.expandBias + at);
        vf total = {};
        for (int i = 0; i < rows; i++) {
          const vf y = gelu(load(tile + i * TILE_STRIDE + j * LANES) + bias);
          store(h + (row + i) * ldf + at, y);
          total += y * y;
        }
        if (grn) store(sums + at, load(sums + at) + total);
      }
    });
  });

  // GRN's factor for each channel of each picture: 1 + gamma * norm / (mean of the norms + 1e-6)
  const Scratch factors = scratch(grn ? n * ldf : 0);
  for (long image = 0; grn && image < n; image++) {
    float *factor = factors.get() + image * ldf;
    double total = 0;
    for (long j = 0; j < f; j++) {
      float square = 0;
      for (long b = 0; b < expand.rowBlocks; b++) square += squares.get()[(image * expand.rowBlocks + b) * ldf + j];
      factor[j] = sqrtf(square);
      total += factor[j];
    }
    const float scale = 1.f / ((float)(total / f) + 1e-6f);
    for (long j = 0; j < f; j++) factor[j] = 1.f + block.grnGamma[j] * factor[j] * scale;
  }

  // into the weights where a picture has more positions than the product has columns, into the activations otherwise
  const bool intoWeights = grn && n == 1 && positions > c;
  const Scratch weights = scratch(intoWeights ? packedSize(f, c) : 0);
  const float *reduce = block.reduce;
  if (intoWeights) {
    reduce = weights.get();
    const long vectors = roundUp(c, LANES) / LANES;
    parallel(vectors, [&](long first) {
      eachPanel(c, first, first + 1, [&](long v, int width) {
        const long at = v * LANES * f;
        for (long k = 0; k < f; k++) {
          for (int j = 0; j < width * LANES; j += LANES) {
            const long p = at + k * width * LANES + j;
            store(weights.get() + p, load(block.reduce + p) * factors.get()[k]);
          }
        }
      });
    });
  } else if (grn) {
    parallel(rows, [&](long row) {
      const float *factor = factors.get() + row / positions * ldf;
      float *h = hidden.get() + row * ldf;
      for (long j = 0; j < ldf; j += LANES) store(h + j, load(h + j) * load(factor + j));
    });
  }

  const Cut back(rows, c);
  parallel(back.tasks(), [&](long task) {
    const long first = back.firstRow(task);
    const float *a = hidden.get() + first * ldf, *residual = x + first * c;
    float *y = out + first * c;
    gemm(a, ldf, back.lastRow(task) - first, reduce, f, c, back.firstVector(task), back.lastVector(task),
         eachVector([=](long i, long v, vf s) {
           const long at = i * c + v * LANES, left = c - v * LANES;
           storeWithin(y + at, s + load(block.reduceBias + v * LANES) + loadWithin(residual + at, left), left);
         }));
  });
}

/** Small maps go together, so that the weights are read once for several pictures; large ones alone, so that scratch stays small. */
static void blocks(const Block &block, const float *x, long n, long height, long width, float *out) {
  const long positions = height * width, size = positions * block.channels;
  const long together = std::max(1L, 512 / positions);
  for (long i = 0; i < n; i += together) {
    blockOf(block, x + i * size, std::min(together, n - i), height, width, out + i * size);
  }
}
