// Gradients of convolutions of any kernel, stride, dilation and padding, of poolings, and of interpolation, NHWC.
#pragma once
#include "convolution.h"
#include "pooling.h"
#include "training.h"

/** Floats of patches that are held at once: 16 MB. */
static const long PATCH_FLOATS = 1 << 22;

/** The filter's gradient [kernelHeight, kernelWidth, channels, to]: what lay under each output, turned, times what came out there. */
static void convolutionFilter(const Geometry &g, const float *x, const float *dy, float *out) {
  const long k = g.kernelHeight * g.kernelWidth * g.channels, rows = g.n * g.outHeight * g.outWidth;
  // 1x1: the map as it lies
  if (isPointwise(g)) return matMulTransposed(x, dy, rows, k, g.to, out);
  const long width = roundUp(k, TURNED_COLUMNS);
  const long together = std::clamp(PATCH_FLOATS / width / SUM_ROWS * SUM_ROWS, SUM_ROWS, roundUp(rows, SUM_ROWS));
  const Scratch patches = scratch(width * together);
  for (long first = 0; first < rows; first += together) {
    const long count = std::min(together, rows - first), step = SUM_ROWS / 8;
    parallel((count + step - 1) / step, [&](long task) {
      const Scratch room = scratch(k);
      for (long i = task * step; i < std::min(count, (task + 1) * step); i++) {
        const long row = (first + i) / g.outWidth;
        // a patch that is no wider goes where it belongs at once
        float *to = patches.get() + i * TURNED_COLUMNS, *patch = k > TURNED_COLUMNS ? room.get() : to;
        gather(g, x + row / g.outHeight * g.height * g.width * g.channels, row % g.outHeight, (first + i) % g.outWidth, patch);
        for (long c = 0; c < k && patch != to; c += TURNED_COLUMNS) copy(patch + c, std::min(TURNED_COLUMNS, k - c), to + c * together);
      }
    });
    const Scratch packed = packBlocks(dy + first * g.to, count, g.to);
    addTransposed(count, k, g.to, packed.get(), first == 0, out, [&](long c, long from, long, float *) -> Columns {
      return {patches.get() + c * together + from * TURNED_COLUMNS, TURNED_COLUMNS};
    });
  }
}

/** The row of outputs that tap `tap` of a kernel joins with row `row` of the input along one axis; -1 for none. */
INLINE long outputAt(long row, long tap, long stride, long dilation, long before, long outputs) {
  const long at = row + before - tap * dilation;
  return at >= 0 && at % stride == 0 && at / stride < outputs ? at / stride : -1;
}

/** The gradient of a convolution's input. Every row of dx belongs to one task, which adds to it what each tap brings. */
static void convolutionInput(const Geometry &g, const float *dy, const float *filter, float *dx) {
  const long c = g.channels, taps = g.kernelHeight * g.kernelWidth, lines = g.n * g.height, size = packedSize(g.to, c);
  const Scratch packed = scratch(taps * size);
  parallel(taps, [&](long tap) { packPanels(filter + tap * c * g.to, g.to, c, 1, g.to, packed.get() + tap * size); });
  memset(dx, 0, lines * g.width * c * sizeof(float));
  const Cut cut(lines, c, std::clamp(BLOCK_ROWS / g.outWidth, 1L, BLOCK_ROWS));
  parallel(cut.tasks(), [&](long task) {
    const long first = cut.firstRow(task), last = cut.lastRow(task);
    const Scratch slopes = scratch((last - first) * g.outWidth * g.to);
    // where the first column's outputs of each gathered row of dy go
    std::vector<float *> targets;
    for (long tap = 0; tap < taps; tap++) {
      targets.clear();
      for (long line = first; line < last; line++) {
        const long row = outputAt(line % g.height, tap / g.kernelWidth, g.strideY, g.dilationY, g.top, g.outHeight);
        if (row < 0) continue;
        memcpy(slopes.get() + targets.size() * g.outWidth * g.to, dy + (line / g.height * g.outHeight + row) * g.outWidth * g.to, g.outWidth * g.to * sizeof(float));
        targets.push_back(dx + line * g.width * c);
      }
      if (targets.empty()) continue;
      const long right = tap % g.kernelWidth * g.dilationX - g.left;
      gemm(slopes.get(), g.to, (long)targets.size() * g.outWidth, packed.get() + tap * size, g.to, c, cut.firstVector(task), cut.lastVector(task),
           eachVector([&](long i, long v, vf s) {
             const long column = i % g.outWidth * g.strideX + right, left = c - v * LANES;
             if ((unsigned long)column >= (unsigned long)g.width) return;
             float *y = targets[i / g.outWidth] + column * c + v * LANES;
             storeWithin(y, loadWithin(y, left) + s, left);
           }));
    }
  });
}

/** The gradient of a depthwise convolution's input; `filter` as it lies, [kernelHeight, kernelWidth, channels]. */
static void depthwiseAnyInput(const Geometry &g, const float *dy, const float *filter, float *dx) {
  const long c = g.channels;
  parallel(g.n * g.height, [&](long line) {
    float *to = dx + line * g.width * c;
    memset(to, 0, g.width * c * sizeof(float));
    for (long tap = 0; tap < g.kernelHeight * g.kernelWidth; tap++) {
      const long row = outputAt(line % g.height, tap / g.kernelWidth, g.strideY, g.dilationY, g.top, g.outHeight);
      if (row < 0) continue;
      const float *slopes = dy + (line / g.height * g.outHeight + row) * g.outWidth * c, *weights = filter + tap * c;
      for (long w = 0; w < g.outWidth; w++) {
        const long column = w * g.strideX + tap % g.kernelWidth * g.dilationX - g.left;
        if ((unsigned long)column >= (unsigned long)g.width) continue;
        eachGroup(c, [&](long i, auto v) {
          typedef decltype(v) V;
          store<V>(to + column * c + i, load<V>(to + column * c + i) + load<V>(slopes + w * c + i) * load<V>(weights + i));
        });
      }
    }
  });
}

/**
 * Gradients of maps [n, height, width, channels] to which many outputs give: f(output row, output column, picture, slopes, dx, V{})
 * adds up what one output gives to a group of channels. Pictures and groups of channels are the tasks.
 */
template <class F> static void eachSlope(const Maps &m, const float *dy, float *dx, F f) {
  const long groups = roundUp(m.channels, LANES) / LANES, size = m.height * m.width * m.channels;
  parallel(m.n * groups, [&](long task) {
    const long image = task / groups, from = task % groups * LANES, count = std::min<long>(LANES, m.channels - from);
    float *to = dx + image * size;
    for (long i = 0; i < size; i += m.channels) memset(to + i + from, 0, count * sizeof(float));
    const float *slopes = dy + image * m.outHeight * m.outWidth * m.channels;
    for (long row = 0; row < m.outHeight; row++) {
      for (long column = 0; column < m.outWidth; column++, slopes += m.channels) {
        eachGroup(count, [&](long c, auto v) { f(row, column, image * size + from + c, load<decltype(v)>(slopes + from + c)); });
      }
    }
  });
}

/**
 * Of pooling over windows as `pool` has them: to the first of the greatest, or `share` of it to all of a window; a share of 0 is that
 * of the window's size.
 */
static void poolGradient(const Maps &m, const float *x, const float *dy, const int32_t *rows, const int32_t *columns, float share, float *dx) {
  eachSlope(m, dy, dx, [&](long row, long column, long at, auto slope) {
    typedef decltype(slope) V;
    const int32_t *r = rows + 2 * row, *s = columns + 2 * column;
    V most = all<V>(-INFINITY), index = all<V>(-1);
    for (long i = r[0]; x && i < r[1]; i++) {
      for (long j = s[0]; j < s[1]; j++) {
        const V value = load<V>(x + at + (i * m.width + j) * m.channels), here = all<V>(float((i - r[0]) * (s[1] - s[0]) + j - s[0]));
        index = value > most ? here : index;
        most = value > most ? value : most;
      }
    }
    const V part = slope * all<V>(x ? 1.f : share > 0 ? share : 1.f / ((float)(r[1] - r[0]) * (s[1] - s[0])));
    float here = 0;
    for (long i = r[0]; i < r[1]; i++) {
      for (long j = s[0]; j < s[1]; j++, here++) {
        float *y = dx + at + (i * m.width + j) * m.channels;
        store<V>(y, load<V>(y) + (!x || index == all<V>(here) ? part : V{}));
      }
    }
  });
}

/** Of `interpolate`. */
static void interpolateGradient(const Maps &m, const float *dy, const int32_t *rows, const float *rowShares, const int32_t *columns, const float *columnShares, float *dx) {
  eachSlope(m, dy, dx, [&](long row, long column, long at, auto slope) {
    typedef decltype(slope) V;
    for (int i = 0; i < 2; i++) {
      const float down = i ? rowShares[row] : 1 - rowShares[row];
      for (int j = 0; j < 2; j++) {
        const float right = j ? columnShares[column] : 1 - columnShares[column];
        float *y = dx + at + (rows[2 * row + i] * m.width + columns[2 * column + j]) * m.channels;
        store<V>(y, load<V>(y) + slope * all<V>(down * right));
      }
    }
  });
}
