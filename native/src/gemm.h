// C = A B with an epilogue, B packed in panels of columns.
//
// A panel is a few vectors wide, k rows of one after the other, zeros behind the last column. The accumulators of a tile fill
// the registers: with 32 of them 8 rows of 3 vectors or 12 of 2, with 16 of them 6 rows of 2. Columns are as many panels of 3
// vectors as can be without leaving 1 over, then panels of 2 (4 vectors are 2 + 2). Rows are shared out evenly among tiles: 49
// are 7 tiles of 7, since a tail of 1 would cost nearly a whole tile.
#pragma once
#include <algorithm>
#include "vector.h"

#if LANES == 16
static const int MAX_VECTORS = 3;
constexpr int tileRows(int vectors) { return vectors == 3 ? 8 : 12; }
#else
static const int MAX_VECTORS = 2;
constexpr int tileRows(int) { return 6; }
#endif
static const int FLOATS_OF_A_CACHE_LINE = 16;

/** How many vectors wide the panel is that begins at vector v of all. */
INLINE int panelVectors(long v, long vectors) {
  const long left = vectors - v;
  if (MAX_VECTORS == 3 && left == 4) return 2;
  return left >= MAX_VECTORS ? MAX_VECTORS : (int)left;
}

/** Runs f(first vector, number of vectors) for the panels that begin within [from, to). */
template <class F> static inline void eachPanel(long n, long from, long to, F f) {
  const long vectors = roundUp(n, LANES) / LANES;
  for (long v = 0; v < vectors;) {
    const int width = panelVectors(v, vectors);
    if (v >= from && v < to) f(v, width);
    v += width;
  }
}

static const long TILE_STRIDE = MAX_VECTORS * LANES;

/**
 * A panel as one tile reads it: k rows at b. Meanwhile it has the tile's share of the next panel fetched into the second-level cache,
 * `step` floats a row at `ahead`, since the first tile of a panel would wait for the memory.
 */
struct Panel {
  const float *b;
  long k;
  const float *ahead;
  long step;
};

/**
 * One tile: rows of A at `a` times a panel, into `out`, whose rows are TILE_STRIDE apart. Rows of A are lda apart; `turned`: they
 * are columns, whose elements are lda apart.
 */
template <bool turned, int rows, int vectors>
static void tile(const float *a, long lda, const Panel &panel, float *out) {
  const float *b = panel.b, *ahead = panel.ahead;
  vf c[rows][vectors];
  UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) c[i][j] = vf{};
  for (long p = 0; p < panel.k; p++, b += vectors * LANES, ahead += panel.step) {
    vf row[vectors];
    UNROLL for (int j = 0; j < vectors; j++) row[j] = load(b + j * LANES);
    UNROLL for (int j = 0; j < vectors * LANES; j += FLOATS_OF_A_CACHE_LINE) __builtin_prefetch(b + 16 * vectors * LANES + j);
    __builtin_prefetch(ahead, 0, 2);
    UNROLL for (int i = 0; i < rows; i++) {
      const vf x = all(turned ? a[p * lda + i] : a[i * lda + p]);
      UNROLL for (int j = 0; j < vectors; j++) c[i][j] += x * row[j];
    }
  }
  UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) store(out + i * TILE_STRIDE + j * LANES, c[i][j]);
}

/** tile for a number of rows that is known at run time, at most `most`. */
template <bool turned, int most, int vectors>
INLINE void tileOf(int rows, const float *a, long lda, const Panel &panel, float *out) {
  if constexpr (most > 0) {
    if (rows == most) tile<turned, most, vectors>(a, lda, panel, out);
    else tileOf<turned, most - 1, vectors>(rows, a, lda, panel, out);
  }
}

/** tileOf for a panel's width that is known at run time. */
template <bool turned = false>
INLINE void tileOfAny(int vectors, int rows, const float *a, long lda, const Panel &panel, float *out) {
  if (vectors == 1) tileOf<turned, tileRows(1), 1>(rows, a, lda, panel, out);
  else if (vectors == 2) tileOf<turned, tileRows(2), 2>(rows, a, lda, panel, out);
  else if constexpr (MAX_VECTORS == 3) tileOf<turned, tileRows(3), 3>(rows, a, lda, panel, out);
}

/** Shares rows out evenly among tiles of the panel at b, that many vectors wide and k rows long: f(first row, rows, panel). */
template <class F> INLINE void eachTile(int vectors, long rows, const float *b, long k, F f) {
  const int most = tileRows(vectors);
  const long tiles = (rows + most - 1) / most, width = vectors * LANES, step = (width + tiles - 1) / tiles;
  for (long t = 0; t < tiles; t++) {
    const long first = rows * t / tiles, last = rows * (t + 1) / tiles;
    f(first, (int)(last - first), Panel{b, k, b + (width + t * step) * k, step});
  }
}

/**
 * Rows of A times the panels of B that begin at vectors [begin, end); `packed` has all n columns of B, k rows. The sums of a tile
 * go to epilogue(first row, rows, first vector, vectors, sums): they lie in the first-level cache, rows TILE_STRIDE apart.
 */
template <bool turned = false, class Epilogue>
static void gemm(const float *a, long lda, long rows, const float *packed, long k, long n, long begin, long end, Epilogue epilogue) {
  alignas(64) float sums[12 * TILE_STRIDE];
  eachPanel(n, begin, end, [&](long v, int vectors) {
    eachTile(vectors, rows, packed + v * LANES * k, k, [&](long first, int count, const Panel &panel) {
      tileOfAny<turned>(vectors, count, a + first * (turned ? 1 : lda), lda, panel, sums);
      epilogue(first, count, v, vectors, sums);
    });
  });
}

/** An epilogue that treats each vector of sums alike: each(row, vector, sums). */
template <class Each> INLINE auto eachVector(Each each) {
  return [each](long first, int count, long v, int vectors, const float *sums) {
    for (int i = 0; i < count; i++) {
      for (int j = 0; j < vectors; j++) each(first + i, v + j, load(sums + i * TILE_STRIDE + j * LANES));
    }
  };
}

/** Floats of a packed matrix of k rows and n columns. */
INLINE long packedSize(long k, long n) { return k * roundUp(n, LANES); }

/** Rows of B that are turned together: what is written meanwhile stays in the first-level cache. */
static const long TURNED_ROWS = 16;

/** Packs one panel of B, whose element (row, column) is at row * rowStride + column * columnStride. */
static void packPanel(const float *b, long k, long n, long rowStride, long columnStride, long v, int vectors, float *packed) {
  const long first = v * LANES, width = vectors * LANES, inside = std::min(n - first, width);
  b += first * columnStride;
  if (columnStride == 1) {
    for (long p = 0; p < k; p++, b += rowStride, packed += width) {
      for (int j = 0; j < vectors; j++) store(packed + j * LANES, loadWithin(b + j * LANES, inside - j * LANES));
    }
    return;
  }
  for (long p = 0; p < k; p += TURNED_ROWS) {
    const long rows = std::min(k - p, TURNED_ROWS);
    for (long c = 0; c < width; c++) {
      for (long r = 0; r < rows; r++) packed[(p + r) * width + c] = c < inside ? b[(p + r) * rowStride + c * columnStride] : 0;
    }
  }
}

/** Packs all of B. */
static void packPanels(const float *b, long k, long n, long rowStride, long columnStride, float *packed) {
  eachPanel(n, 0, n, [&](long v, int vectors) { packPanel(b, k, n, rowStride, columnStride, v, vectors, packed + v * LANES * k); });
}
