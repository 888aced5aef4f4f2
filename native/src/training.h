// What a training step needs beside the forward kernels: gradients of products, depthwise convolutions, norms and GELU.
// Sums over positions are taken in blocks whose number depends on the shape alone, so that they are the same on any number of
// threads.
#pragma once
#include "block.h"
#include "convolution.h"

/** Positions in a block of a sum. */
static const long SUM_ROWS = 512;

/** Adds up `blocks` partial sums of n floats each. */
static void addPartial(const float *partial, long blocks, long n, float *out) {
  eachGroup(n, [&](long j, auto v) {
    typedef decltype(v) V;
    V s = {};
    for (long b = 0; b < blocks; b++) s += load<V>(partial + b * n + j);
    store<V>(out + j, s);
  });
}

/** Columns of A that are turned together. */
static const long TURNED_COLUMNS = 48;

/** Columns of a matrix, and how far apart its rows lie. */
struct Columns {
  const float *a;
  long lda;
};

/** b [rows, n], each block of SUM_ROWS packed. */
static Scratch packBlocks(const float *b, long rows, long n) {
  const long width = roundUp(n, LANES), blocks = (rows + SUM_ROWS - 1) / SUM_ROWS;
  Scratch packed = scratch(rows * width);
  parallel(blocks, [&](long block) {
    const long from = block * SUM_ROWS, to = std::min(rows, from + SUM_ROWS);
    packPanels(b + from * n, to - from, n, n, 1, packed.get() + from * width);
  });
  return packed;
}

/**
 * Adds A^T b to out [k, n], or writes it there where `isFirst`; A [rows, k], b [rows, n], packed by blocks. columns(c, from, depth, room)
 * gives TURNED_COLUMNS columns of A from column c on, `depth` rows from row `from` on: as they lie, or written to `room`, side by side,
 * where they are read often enough, which is where that is not null.
 */
template <class Gather> static void addTransposed(long rows, long k, long n, const float *packed, bool isFirst, float *out, Gather columns) {
  const long vectors = roundUp(n, LANES) / LANES, width = vectors * LANES, groups = (k + TURNED_COLUMNS - 1) / TURNED_COLUMNS;
  std::vector<long> starts;
  eachPanel(n, 0, vectors, [&](long v, int) { starts.push_back(v); });
  // each task has all of the sum for its own part of out
  const long panels = (long)starts.size(), sets = std::clamp((WANTED_TASKS + groups - 1) / groups, 1L, panels);
  parallel(groups * sets, [&](long task) {
    const long c = task % groups * TURNED_COLUMNS, first = panels * (task / groups) / sets, last = panels * (task / groups + 1) / sets;
    const Scratch room = scratch(last - first > 1 ? SUM_ROWS * TURNED_COLUMNS : 0);
    for (long from = 0; from < rows; from += SUM_ROWS) {
      const long depth = std::min(rows - from, SUM_ROWS);
      const Columns turned = columns(c, from, depth, last - first > 1 ? room.get() : nullptr);
      const bool isWritten = isFirst && from == 0;
      for (long p = first; p < last; p++) {
        gemm<true>(turned.a, turned.lda, std::min(TURNED_COLUMNS, k - c), packed + from * width, depth, n, starts[p], starts[p] + 1,
                   eachVector([=](long i, long at, vf s) {
                     float *y = out + (c + i) * n + at * LANES;
                     const long left = n - at * LANES;
                     storeWithin(y, isWritten ? s : loadWithin(y, left) + s, left);
                   }));
      }
    }
  });
}

/** out [k, n] = a^T b, a [rows, k], b [rows, n]: the gradient of a weight matrix. */
static void matMulTransposed(const float *a, const float *b, long rows, long k, long n, float *out) {
  const Scratch packed = packBlocks(b, rows, n);
  addTransposed(rows, k, n, packed.get(), true, out, [=](long c, long from, long depth, float *room) -> Columns {
    if (!room) return {a + from * k + c, k};
    const long count = std::min(TURNED_COLUMNS, k - c);
    for (long i = 0; i < depth; i++) copy(a + (from + i) * k + c, count, room + i * TURNED_COLUMNS);
    return {room, TURNED_COLUMNS};
  });
}

/** dx of a depthwise 7x7 convolution: the same of dy with the taps turned round. `flipped` is packed. */
static void depthwiseInput(const float *dy, long n, const Map &map, const float *flipped, float *dx) {
  const long size = map.height * map.width * map.channels;
  const std::vector<float> none(map.channels);
  parallel(n * map.height, [&](long task) {
    const long image = task / map.height, h = task % map.height;
    depthwiseRow(dy + image * size, map, h, flipped, none.data(), dx + image * size + h * map.width * map.channels, map.channels);
  });
}

/** Part of the filter's gradient: one row of taps, one group of channels, all positions. `fixed` is the width of a kernel without dilation, or 0 for any. */
template <int fixed, class V> INLINE void depthwiseTaps(const float *x, const float *dy, const Geometry &g, long row, long c, float *out) {
  const long width = fixed ? fixed : g.kernelWidth, dilation = fixed ? 1 : g.dilationX, stride = g.channels;
  // a width that is not known goes tap by tap
  const long together = fixed ? fixed : 1;
  for (long tap = 0; tap < width; tap += together) {
    V sums[fixed ? fixed : 1] = {};
    for (long line = 0; line < g.n * g.outHeight; line++) {
      const long h = line % g.outHeight * g.strideY + row * g.dilationY - g.top;
      if (h < 0 || h >= g.height) continue;
      const float *in = x + (line / g.outHeight * g.height + h) * g.width * stride + c, *d = dy + line * g.outWidth * stride + c;
      for (long w = 0; w < g.outWidth; w++) {
        const V slope = load<V>(d + w * stride);
        const long first = w * g.strideX - g.left + tap * dilation;
        if (first >= 0 && first + (together - 1) * dilation < g.width) {
          UNROLL for (int s = 0; s < together; s++) sums[s] += slope * load<V>(in + (first + s * dilation) * stride);
        } else {
          UNROLL for (int s = 0; s < together; s++) {
            const long column = first + s * dilation;
            if ((unsigned long)column < (unsigned long)g.width) sums[s] += slope * load<V>(in + column * stride);
          }
        }
      }
    }
    for (int s = 0; s < together; s++) store<V>(out + (row * width + tap + s) * stride + c, sums[s]);
  }
}

/** The filter's gradient [kernelHeight, kernelWidth, channels]. */
static void depthwiseAnyFilter(const Geometry &g, const float *x, const float *dy, float *out) {
  const long groups = roundUp(g.channels, LANES) / LANES;
  parallel(groups * g.kernelHeight, [&](long task) {
    const long from = task / g.kernelHeight * LANES, count = std::min<long>(LANES, g.channels - from), row = task % g.kernelHeight;
    eachGroup(count, [&](long c, auto v) {
      if (g.kernelWidth == KERNEL && g.dilationX == 1) depthwiseTaps<KERNEL, decltype(v)>(x, dy, g, row, from + c, out);
      else if (g.kernelWidth == 3 && g.dilationX == 1) depthwiseTaps<3, decltype(v)>(x, dy, g, row, from + c, out);
      else depthwiseTaps<0, decltype(v)>(x, dy, g, row, from + c, out);
    });
  });
}

/** dx, dgamma and dbeta of layer norm. */
static void layerNormGradient(const float *x, const float *gamma, const float *dy, float epsilon, long positions, long channels, float *dx, float *dgamma, float *dbeta) {
  const long blocks = (positions + SUM_ROWS - 1) / SUM_ROWS;
  const Scratch partial = scratch(2 * blocks * channels);
  memset(partial.get(), 0, 2 * blocks * channels * sizeof(float));
  float *gammas = partial.get(), *betas = gammas + blocks * channels;
  parallel(blocks, [&](long block) {
    float *g = gammas + block * channels, *b = betas + block * channels;
    std::vector<float> normed(channels);
    for (long i = block * SUM_ROWS; i < std::min(positions, (block + 1) * SUM_ROWS); i++) {
      const float *xi = x + i * channels, *di = dy + i * channels;
      float mean = 0, variance = 0, slope = 0, along = 0;
      eachGroup(channels, [&](long c, auto v) { mean += sum(load<decltype(v)>(xi + c)); });
      mean /= channels;
      eachGroup(channels, [&](long c, auto v) {
        const auto d = load<decltype(v)>(xi + c) - mean;
        variance += sum(d * d);
      });
      const float scale = 1.f / sqrtf(variance / channels + epsilon);
      eachGroup(channels, [&](long c, auto v) {
        typedef decltype(v) V;
        const V y = (load<V>(xi + c) - mean) * scale, d = load<V>(di + c), s = d * load<V>(gamma + c);
        store<V>(normed.data() + c, y);
        slope += sum(s);
        along += sum(s * y);
        store<V>(g + c, load<V>(g + c) + d * y);
        store<V>(b + c, load<V>(b + c) + d);
      });
      slope /= channels;
      along /= channels;
      eachGroup(channels, [&](long c, auto v) {
        typedef decltype(v) V;
        const V s = load<V>(di + c) * load<V>(gamma + c);
        store<V>(dx + i * channels + c, (s - slope - load<V>(normed.data() + c) * along) * scale);
      });
    }
  });
  addPartial(gammas, blocks, channels, dgamma);
  addPartial(betas, blocks, channels, dbeta);
}

/** Sums over the positions of each picture, for each channel, of what term(place in x, place in [n, channels], sums) adds: out [terms][n][channels]. */
template <int terms, class Term>
static void pictureSums(long n, long positions, long channels, float *out, Term term) {
  const long blocks = (positions + SUM_ROWS - 1) / SUM_ROWS;
  const Scratch partial = scratch(terms * n * blocks * channels);
  parallel(n * blocks, [&](long task) {
    const long image = task / blocks, block = task % blocks;
    const long from = image * positions + block * SUM_ROWS, to = image * positions + std::min(positions, (block + 1) * SUM_ROWS);
    eachGroup(channels, [&](long c, auto v) {
      typedef decltype(v) V;
      V sums[terms];
      UNROLL for (int t = 0; t < terms; t++) sums[t] = V{};
      for (long i = from; i < to; i++) term(i * channels + c, image * channels + c, sums);
      UNROLL for (int t = 0; t < terms; t++) store<V>(partial.get() + ((t * n + image) * blocks + block) * channels + c, sums[t]);
    });
  });
  for (long i = 0; i < terms * n; i++) addPartial(partial.get() + i * blocks * channels, blocks, channels, out + i * channels);
}

/** Runs each(offset, c, V{}) over all positions of one picture after the other. */
template <class Each> static void eachPosition(long n, long positions, long channels, Each each) {
  const long rows = n * positions, step = std::max(1L, 8192 / channels);
  parallel((rows + step - 1) / step, [&](long task) {
    for (long i = task * step; i < std::min(rows, (task + 1) * step); i++) {
      eachGroup(channels, [&](long c, auto v) { each(i * channels + c, i / positions * channels + c, c, v); });
    }
  });
}

/** GRN's factor norm / (mean of norms + 1e-6) of each channel, from sums of squares [n, channels]; norms and denominators on wish. */
static void responses(const float *squares, long n, long channels, float *factor, float *norms, float *denominators) {
  for (long image = 0; image < n; image++) {
    double total = 0;
    for (long c = 0; c < channels; c++) total += norms[image * channels + c] = sqrtf(squares[image * channels + c]);
    denominators[image] = (float)(total / channels) + 1e-6f;
    for (long c = 0; c < channels; c++) factor[image * channels + c] = norms[image * channels + c] / denominators[image];
  }
}

/** gamma * x * N + beta + x for pictures of `positions`. */
static void responseNorm(const float *x, const float *gamma, const float *beta, long n, long positions, long channels, float *out) {
  std::vector<float> squares(n * channels), factor(n * channels), norms(n * channels), denominators(n);
  pictureSums<1>(n, positions, channels, squares.data(), [&](long at, long, auto *sums) {
    const auto v = load<std::decay_t<decltype(*sums)>>(x + at);
    sums[0] += v * v;
  });
  responses(squares.data(), n, channels, factor.data(), norms.data(), denominators.data());
  eachPosition(n, positions, channels, [&](long at, long of, long c, auto v) {
    typedef decltype(v) V;
    const V y = load<V>(x + at);
    store<V>(out + at, load<V>(gamma + c) * (y * load<V>(factor.data() + of)) + load<V>(beta + c) + y);
  });
}

/** dx, dgamma and dbeta of it. */
static void responseNormGradient(const float *x, const float *gamma, const float *dy, long n, long positions, long channels, float *dx, float *dgamma, float *dbeta) {
  const long size = n * channels;
  std::vector<float> sums(3 * size), factor(size), norms(size), denominators(n), along(size);
  pictureSums<3>(n, positions, channels, sums.data(), [&](long at, long, auto *s) {
    typedef std::decay_t<decltype(*s)> V;
    const V v = load<V>(x + at), d = load<V>(dy + at);
    s[0] += v * v;
    s[1] += v * d;
    s[2] += d;
  });
  responses(sums.data(), n, channels, factor.data(), norms.data(), denominators.data());
  const float *products = sums.data() + size, *slopes = products + size;
  for (long c = 0; c < channels; c++) {
    dgamma[c] = dbeta[c] = 0;
    for (long image = 0; image < n; image++) {
      dgamma[c] += products[image * channels + c] * factor[image * channels + c];
      dbeta[c] += slopes[image * channels + c];
    }
  }
  for (long image = 0; image < n; image++) {
    // of N = G / M by G, M the mean of all G: what reaches each norm, and from there x by x / G (0 where the norm is 0)
    const long first = image * channels;
    double through = 0;
    for (long c = 0; c < channels; c++) through += (double)gamma[c] * products[first + c] * norms[first + c];
    const float m = denominators[image], shared = (float)(through / channels) / (m * m);
    for (long c = 0; c < channels; c++) {
      const float norm = norms[first + c];
      along[first + c] = norm > 0 ? (gamma[c] * products[first + c] / m - shared) / norm : 0;
    }
  }
  eachPosition(n, positions, channels, [&](long at, long of, long c, auto v) {
    typedef decltype(v) V;
    const V d = load<V>(dy + at);
    store<V>(dx + at, d * (load<V>(gamma + c) * load<V>(factor.data() + of) + 1.f) + load<V>(x + at) * load<V>(along.data() + of));
  });
}

/** dy * gelu'(x). */
static void geluGradient(const float *x, const float *dy, long count, float *dx) {
  const long step = 16384;
  parallel((count + step - 1) / step, [&](long task) {
    const long to = std::min(count, (task + 1) * step);
    long i = task * step;
    for (; i + LANES <= to; i += LANES) store(dx + i, load(dy + i) * geluSlope(load(x + i)));
    if (i < to) storePart(dx + i, loadPart(dy + i, (int)(to - i)) * geluSlope(loadPart(x + i, (int)(to - i))), (int)(to - i));
  });
}
