// 3x3 convolutions of stride 1 by Winograd's F(4x4, 3x3): 36 products where the definition needs 144.
//
// A tile of 6 x 6 inputs becomes 4 x 4 outputs: transform the inputs, multiply with the transformed weights (36 products of
// [tiles, channels] and [channels, to]), transform back. A transform evaluates polynomials at 0, +-3/4, +-3/2 and infinity: the
// usual points 1 and 2 lose three times as many digits. The error is under 5e-6 of the largest output.
#pragma once
#include <algorithm>
#include <atomic>
#include <vector>
#include "convolution.h"

static const int IN = 6, OUT = 4, PRODUCTS = IN * IN;
static constexpr float A1 = .75f, A2 = A1 * A1, B1 = 1.5f, B2 = B1 * B1;

INLINE long winogradSize(long channels, long to) { return PRODUCTS * packedSize(channels, to); }

/** Packs weights [3][3][channels][to]: 36 packed matrices, one after the other. Computed in double precision. */
static void packWinograd(const float *weights, long channels, long to, float *packed) {
  typedef double vd __attribute__((vector_size(LANES * sizeof(double))));
  constexpr double a = 1 / (2. * A2 * (A2 - B2)), b = 1 / (2. * B2 * (B2 - A2));
  const auto transform = [=](vd x, vd y, vd z, vd *out) __attribute__((always_inline)) {
    out[0] = x * (1. / (A2 * B2));
    const vd evenA = (x + z * (double)A2) * a, oddA = y * (A1 * a), evenB = (x + z * (double)B2) * b, oddB = y * (B1 * b);
    out[1] = evenA + oddA;
    out[2] = evenA - oddA;
    out[3] = evenB + oddB;
    out[4] = evenB - oddB;
    out[5] = z;
  };
  const long size = packedSize(channels, to);
  parallel(roundUp(to, LANES) / LANES, [&](long first) {
    eachPanel(to, first, first + 1, [&](long panel, int vectors) {
      for (long c = 0; c < channels; c++) {
        for (int j = 0; j < vectors; j++) {
          const long column = (panel + j) * LANES;
          vd w[3][3], half[3][IN];
          for (int tap = 0; tap < 9; tap++) w[tap / 3][tap % 3] = __builtin_convertvector(loadWithin(weights + (tap * channels + c) * to + column, to - column), vd);
          for (int s = 0; s < 3; s++) transform(w[0][s], w[1][s], w[2][s], half[s]);
          float *at = packed + panel * LANES * channels + (c * vectors + j) * LANES;
          for (int i = 0; i < IN; i++) {
            vd whole[IN];
            transform(half[0][i], half[1][i], half[2][i], whole);
            for (int k = 0; k < IN; k++) store(at + (i * IN + k) * size, __builtin_convertvector(whole[k], vf));
          }
        }
      }
    });
  });
}

template <class V> INLINE void inputTransform(const V *d, V *out) {
  const V evenA = d[4] - B2 * d[2], oddA = A1 * (d[3] - B2 * d[1]), evenB = d[4] - A2 * d[2], oddB = B1 * (d[3] - A2 * d[1]);
  out[0] = d[4] + (A2 * B2 * d[0] - (A2 + B2) * d[2]);
  out[1] = evenA + oddA;
  out[2] = evenA - oddA;
  out[3] = evenB + oddB;
  out[4] = evenB - oddB;
  out[5] = d[5] + (A2 * B2 * d[1] - (A2 + B2) * d[3]);
}

INLINE void outputTransform(const vf *m, vf *out) {
  const vf evenA = m[1] + m[2], oddA = m[1] - m[2], evenB = m[3] + m[4], oddB = m[3] - m[4];
  out[0] = m[0] + evenA + evenB;
  out[1] = A1 * oddA + B1 * oddB;
  out[2] = A2 * evenA + B2 * evenB;
  out[3] = A1 * A2 * oddA + B1 * B2 * oddB + m[5];
}

/**
 * How tiles lie along one axis of a grid of `count` maps. Either each map has tiles of its own, or, where that takes fewer, the
 * maps are a mosaic that tiles cross, with just as many zeros between two maps as their padding needs.
 */
struct TileAxis {
  /** A row (or column) of a map of the grid, or none where `map` is -1. */
  struct Place {
    long map, at;
  };
  long tiles;
  std::vector<Place> in, out;

  static long pitch(long size, long outSize, long before, long after) { return std::max(size + std::max({before, after, 0L}), outSize); }
  static long apart(long count, long outSize) { return count * ((outSize + OUT - 1) / OUT); }
  static long joined(long count, long outSize, long pitch) { return ((count - 1) * pitch + outSize + OUT - 1) / OUT; }

  TileAxis(long count, long size, long outSize, long before) {
    const long step = pitch(size, outSize, before, outSize + 2 - size - before), each = apart(1, outSize);
    const bool mosaic = joined(count, outSize, step) < apart(count, outSize);
    tiles = mosaic ? joined(count, outSize, step) : apart(count, outSize);
    const auto place = [=](long tile, long offset, long limit) {
      const long at = mosaic ? tile * OUT + offset : tile % each * OUT + offset;
      const long map = !mosaic ? tile / each : at < 0 ? -1 : at / step;
      const long within = mosaic ? at - map * step : at;
      return map >= 0 && map < count && within >= 0 && within < limit ? Place{map, within} : Place{-1, 0};
    };
    for (long t = 0; t < tiles; t++) {
      for (int i = 0; i < IN; i++) in.push_back(place(t, i - before, size));
      for (int i = 0; i < OUT; i++) out.push_back(place(t, i, outSize));
    }
  }
};

/** How many columns of maps give a grid with the fewest tiles. */
static long mosaicColumns(const Geometry &g) {
  const auto tiles = [](long count, long size, long outSize, long before) {
    const long step = TileAxis::pitch(size, outSize, before, outSize + 2 - size - before);
    return std::min(TileAxis::apart(count, outSize), TileAxis::joined(count, outSize, step));
  };
  long best = 1, fewest = -1;
  for (long columns = 1; columns <= g.n; columns++) {
    const long all = tiles((g.n + columns - 1) / columns, g.height, g.outHeight, g.top) * tiles(columns, g.width, g.outWidth, g.left);
    if (fewest < 0 || all < fewest) best = columns, fewest = all;
  }
  return best;
}

/** Tiles of a block: the weights are read once for each. More where they do not stay in the third-level cache. */
static long tilesOfABlock(const Geometry &g) { return g.channels * g.to > 100000 ? 96 : 24; }

/** Against streams that lie a power of two apart and so share a set of the cache. */
static const long SKEW = 16;

/** One thread's scratch: 36 matrices of inputs [tiles, channels], 36 of products. */
struct WinogradScratch {
  long inputStride, productStride;
  Scratch memory;
  float *inputs, *products;
  WinogradScratch(const Geometry &g, long tiles, long panels)
      : inputStride(tiles * g.channels + SKEW), productStride(tiles * panels * TILE_STRIDE + SKEW),
        memory(scratch(PRODUCTS * (inputStride + productStride))), inputs(memory.get()), products(inputs + PRODUCTS * inputStride) {}
};

static void winograd(const Geometry &g, const float *x, const float *packed, const float *bias, Limits limits, float *out) {
  const long c = g.channels, n = g.to, vectors = roundUp(n, LANES) / LANES, size = packedSize(c, n);
  const long gridColumns = mosaicColumns(g);
  const TileAxis rows((g.n + gridColumns - 1) / gridColumns, g.height, g.outHeight, g.top), columns(gridColumns, g.width, g.outWidth, g.left);
  const std::vector<float> zeros(c);

  // few tiles: the columns of the weights are shared out as well
  const long tiles = rows.tiles * columns.tiles, most = tilesOfABlock(g), blocks = (tiles + most - 1) / most;
  const long shares = std::clamp((2 * threads() + blocks - 1) / blocks, 1L, (vectors + 5) / 6);
  std::atomic<long> next{0};
  parallel(std::min<long>(threads(), blocks * shares), [&](long) {
    const WinogradScratch s(g, (tiles + blocks - 1) / blocks, (vectors + MAX_VECTORS - 1) / MAX_VECTORS);
    for (long task; (task = next.fetch_add(1)) < blocks * shares;) {
      const long first = tiles * (task % blocks) / blocks, count = tiles * (task % blocks + 1) / blocks - first;
      const long from = vectors * (task / blocks) / shares, to = vectors * (task / blocks + 1) / shares;

      for (long t = 0; t < count; t++) {
        const TileAxis::Place *row = &rows.in[(first + t) / columns.tiles * IN], *column = &columns.in[(first + t) % columns.tiles * IN];
        const float *from[IN][IN];
        for (int i = 0; i < IN; i++) {
          for (int j = 0; j < IN; j++) {
            const long map = row[i].map * gridColumns + column[j].map;
            const bool inside = row[i].map >= 0 && column[j].map >= 0 && map < g.n;
            from[i][j] = inside ? x + ((map * g.height + row[i].at) * g.width + column[j].at) * c : zeros.data();
          }
        }
        float *to = s.inputs + t * c;
        eachGroup(c, [&](long at, auto v) __attribute__((always_inline)) {
          typedef decltype(v) V;
          V half[IN][IN];
          UNROLL for (int j = 0; j < IN; j++) {
            V d[IN], o[IN];
            UNROLL for (int i = 0; i < IN; i++) d[i] = load<V>(from[i][j] + at);
            inputTransform(d, o);
            UNROLL for (int i = 0; i < IN; i++) half[i][j] = o[i];
          }
          UNROLL for (int i = 0; i < IN; i++) {
            V o[IN];
            inputTransform(half[i], o);
            UNROLL for (int j = 0; j < IN; j++) store<V>(to + (i * IN + j) * s.inputStride + at, o[j]);
          }
        });
      }

      for (int q = 0; q < PRODUCTS; q++) {
        long panel = 0;
        eachPanel(n, from, to, [&](long v, int width) {
          eachTile(width, count, packed + q * size + v * LANES * c, c, [&](long t, int some, const Panel &b) {
            tileOfAny(width, some, s.inputs + q * s.inputStride + t * c, c, b,
                      s.products + q * s.productStride + (panel * count + t) * TILE_STRIDE);
          });
          panel++;
        });
      }

      for (long t = 0; t < count; t++) {
        const TileAxis::Place *row = &rows.out[(first + t) / columns.tiles * OUT], *column = &columns.out[(first + t) % columns.tiles * OUT];
        float *y[OUT][OUT];
        for (int i = 0; i < OUT; i++) {
          for (int j = 0; j < OUT; j++) {
            const long map = row[i].map * gridColumns + column[j].map;
            const bool inside = row[i].map >= 0 && column[j].map >= 0 && map < g.n;
            y[i][j] = inside ? out + ((map * g.outHeight + row[i].at) * g.outWidth + column[j].at) * n : nullptr;
          }
        }
        long panel = 0;
        eachPanel(n, from, to, [&](long first, int width) {
          const float *m = s.products + (panel++ * count + t) * TILE_STRIDE;
          for (long v = first; v < first + width; v++, m += LANES) {
            const long left = n - v * LANES;
            const vf start = bias ? loadWithin(bias + v * LANES, left) : vf{};
            vf half[OUT][IN];
            UNROLL for (int j = 0; j < IN; j++) {
              vf d[IN], o[OUT];
              UNROLL for (int i = 0; i < IN; i++) d[i] = load(m + (i * IN + j) * s.productStride);
              outputTransform(d, o);
              UNROLL for (int i = 0; i < OUT; i++) half[i][j] = o[i];
            }
            UNROLL for (int i = 0; i < OUT; i++) {
              vf o[OUT];
              outputTransform(half[i], o);
              UNROLL for (int j = 0; j < OUT; j++) {
                if (y[i][j]) storeWithin(y[i][j] + v * LANES, limit(o[j] + start, limits), left);
              }
            }
          }
        });
      }
    }
  });
}
