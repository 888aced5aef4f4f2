// The kernels for one instruction set: compiled with LANES and the compiler's flags for it, and ISA, the name of its table.
#include "kernels.h"

#include "block.h"
#include "bytes.h"
#include "copy.h"
#include "depthwise-any.h"
#include "elementwise.h"
#include "gradients.h"
#include "group-norm.h"
#include "pooling.h"
#include "nms.h"
#include "products.h"
#include "roi.h"
#include "training.h"
#include "winograd.h"

namespace {

/** packPanels on all threads. */
void pack(const float *b, long k, long n, long rowStride, long columnStride, float *packed) {
  std::vector<std::pair<long, int>> panels;
  eachPanel(n, 0, n, [&](long v, int vectors) { panels.emplace_back(v, vectors); });
  parallel((long)panels.size(), [&](long i) {
    const auto [v, vectors] = panels[i];
    packPanel(b, k, n, rowStride, columnStride, v, vectors, packed + v * LANES * k);
  });
}

template <Activation activation> INLINE vf activate(vf x) {
  if constexpr (activation == GELU) return gelu(x);
  if constexpr (activation == RELU) return atLeast(x, vf{});
  return x;
}

template <Activation activation>
void product(const float *a, long rows, long k, const float *packed, long n, const float *bias, float *out) {
  const Cut cut(rows, n);
  parallel(cut.tasks(), [&](long task) {
    const long first = cut.firstRow(task);
    float *y = out + first * n;
    gemm(a + first * k, k, cut.lastRow(task) - first, packed, k, n, cut.firstVector(task), cut.lastVector(task),
         eachVector([=](long i, long v, vf s) {
           const long left = n - v * LANES;
           const vf start = bias ? loadWithin(bias + v * LANES, left) : vf{};
           storeWithin(y + i * n + v * LANES, activate<activation>(s + start), left);
         }));
  });
}

void matMul(const float *a, long rows, long k, const float *packed, long n, const float *bias, Activation activation, float *out) {
  if (activation == GELU) product<GELU>(a, rows, k, packed, n, bias, out);
  else if (activation == RELU) product<RELU>(a, rows, k, packed, n, bias, out);
  else product<NONE>(a, rows, k, packed, n, bias, out);
}

/** Layer norm of positions that lie side by side, from x to y, which may be x. */
void normalise(const Norm &norm, const float *x, long positions, long channels, float *y) {
  for (long i = 0; i < positions * channels; i += channels) layerNorm(x + i, channels, norm.gamma, norm.beta, norm.epsilon, y + i);
}

/** Rows of patches [from, to) of all pictures, each patch gathered to a row of k floats. */
void gather(const Patches &p, const float *x, long from, long to, float *a) {
  const long rows = p.height / p.side, columns = p.width / p.side, run = p.side * p.channels, k = p.side * run;
  for (long row = from; row < to; row++) {
    const float *image = x + row / rows * p.height * p.width * p.channels;
    for (long i = 0; i < p.side; i++) {
      const float *line = image + (row % rows * p.side + i) * p.width * p.channels;
      for (long j = 0; j < columns; j++) {
        const float *source = line + j * run;
        float *to = a + ((row - from) * columns + j) * k + i * run;
        if (p.before.gamma) normalise(p.before, source, p.side, p.channels, to);
        else memcpy(to, source, run * sizeof(float));
      }
    }
  }
}

/** Fewer floats of gathered patches stay in the cache, and then the columns of the filter can be shared out as well. */
const long FEW = 1 << 19;

/** How many rows of patches go together. */
long rowsTogether(const Patches &p) { return std::max(1L, BLOCK_ROWS / (p.width / p.side)); }

void patches(const Patches &p, const float *x, const float *packed, long n, const float *bias, float *out) {
  const long rows = p.n * (p.height / p.side), columns = p.width / p.side, k = p.side * p.side * p.channels;
  if (rows * columns * k <= FEW && !p.after.gamma) {
    const Scratch a = scratch(rows * columns * k);
    parallel(rows, [&](long row) { gather(p, x, row, row + 1, a.get() + row * columns * k); });
    return product<NONE>(a.get(), rows * columns, k, packed, n, bias, out);
  }
  const long together = rowsTogether(p);
  parallel((rows + together - 1) / together, [&](long group) {
    const long from = group * together, to = std::min(rows, from + together);
    const Scratch a = scratch((to - from) * columns * k);
    gather(p, x, from, to, a.get());
    float *y = out + from * columns * n;
    gemm(a.get(), k, (to - from) * columns, packed, k, n, 0, roundUp(n, LANES) / LANES, eachVector([=](long i, long v, vf s) {
      const long left = n - v * LANES;
      const vf start = bias ? loadWithin(bias + v * LANES, left) : vf{};
      storeWithin(y + i * n + v * LANES, s + start, left);
    }));
    if (p.after.gamma) normalise(p.after, y, (to - from) * columns, n, y);
  });
}

/** dx: `packed` is the filter transposed, [n, side * side * channels]. What no patch covers is 0. */
void patchesInput(const Patches &p, const float *dy, const float *packed, long n, float *dx) {
  const long rows = p.height / p.side, columns = p.width / p.side, run = p.side * p.channels, k = p.side * run;
  memset(dx, 0, p.n * p.height * p.width * p.channels * sizeof(float));
  parallel(p.n * rows, [&](long row) {
    const Scratch a = scratch(columns * k);
    gemm(dy + row * columns * n, n, columns, packed, n, k, 0, roundUp(k, LANES) / LANES, eachVector([&](long i, long v, vf s) {
      storeWithin(a.get() + i * k + v * LANES, s, k - v * LANES);
    }));
    float *image = dx + row / rows * p.height * p.width * p.channels;
    for (long i = 0; i < p.side; i++) {
      float *line = image + (row % rows * p.side + i) * p.width * p.channels;
      for (long j = 0; j < columns; j++) memcpy(line + j * run, a.get() + j * k + i * run, run * sizeof(float));
    }
  });
}

void depthwiseInputOf(const float *dy, long n, long height, long width, long channels, const float *flipped, float *dx) {
  depthwiseInput(dy, n, {height, width, channels}, flipped, dx);
}

void depthwiseFilterOf(const float *x, const float *dy, long n, long height, long width, long channels, float *out) {
  depthwiseAnyFilter({n, height, width, channels, channels, KERNEL, KERNEL, 1, 1, 1, 1, PAD, PAD, height, width}, x, dy, out);
}

/** Positions to a task: some 16 KB of floats. */
long positionsToATask(long channels) { return std::max(1L, 4096 / channels); }

void layerNorms(const float *x, long positions, long channels, const float *gamma, const float *beta, float epsilon, float *out) {
  const long step = positionsToATask(channels);
  parallel((positions + step - 1) / step, [&](long task) {
    for (long i = task * step; i < std::min(positions, (task + 1) * step); i++) layerNorm(x + i * channels, channels, gamma, beta, epsilon, out + i * channels);
  });
}

void gelus(const float *x, long count, float *out) {
  const long step = 16384;
  parallel((count + step - 1) / step, [&](long task) {
    const long to = std::min(count, (task + 1) * step);
    long i = task * step;
    for (; i + LANES <= to; i += LANES) store(out + i, gelu(load(x + i)));
    if (i < to) storePart(out + i, gelu(loadPart(x + i, (int)(to - i))), (int)(to - i));
  });
}

double peak(long steps) {
  const int chains = 12;
  std::vector<float> sums(threads());
  parallel((long)sums.size(), [&](long task) {
    vf c[chains];
    UNROLL for (int i = 0; i < chains; i++) c[i] = all((float)i);
    const vf x = all(1.0001f), y = all(.5f);
    for (long s = 0; s < steps; s++) {
      UNROLL for (int i = 0; i < chains; i++) c[i] = c[i] * x + y;
    }
    UNROLL for (int i = 1; i < chains; i++) c[0] += c[i];
    sums[task] = sum(c[0]);
  });
  return 2.0 * chains * LANES * steps * sums.size();
}

}  // namespace

extern const Kernels ISA = {
    ISA_NAME, LANES, packedSize, pack, packDepthwise, blocks, matMul, patches, layerNorms, gelus,
    binary, unary, compare, select, clip, softmax, suppress, sums, extreme, segmentSum, adamW, matMulTransposed, depthwiseInputOf, depthwiseFilterOf,
    depthwiseAnyInput, depthwiseAnyFilter, convolutionInput, convolutionFilter, products, poolGradient, interpolateGradient, groupNorm, groupNormGradient,
    patchesInput,
    layerNormGradient, responseNorm, responseNormGradient, geluGradient, peak,
    winogradSize, packWinograd, winograd, convolution, depthwise, pool, interpolate, roiAlign, roiAlignGradient, copyBox, weighBytes,
};
