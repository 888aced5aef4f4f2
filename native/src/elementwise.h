// Arithmetic on single elements, with broadcasting, and sums.
#pragma once
#include <algorithm>
#include <cmath>
#include "kernels.h"
#include "pool.h"
#include "vector.h"

/** Elements in a task: some 128 KB of floats; less is not worth a second thread. */
static const long ELEMENTS = 32768;

template <Binary op, class V> INLINE V combine(V a, V b) {
  if constexpr (op == ADD) return a + b;
  if constexpr (op == SUBTRACT) return a - b;
  if constexpr (op == MULTIPLY) return a * b;
  if constexpr (op == DIVIDE) return a / b;
  if constexpr (op == SQUARED_DIFFERENCE) return (a - b) * (a - b);
  // of two numbers of which one is NaN, NaN, as Math.max and Math.min
  if constexpr (op == MAXIMUM) return a > b || a != a ? a : b;
  return a < b || a != a ? a : b;
}

template <class V> INLINE V operand(const float *p, long stride) {
  if constexpr (Lanes<V>::count == 1) return *p;
  else return stride ? load<V>(p) : all<V>(*p);
}

template <Binary op> static void binaryOf(const float *a, const float *b, const Broadcast &shape, float *out) {
  const long rows = shape.size[0] * shape.size[1], inner = shape.size[2];
  const long step = std::max(1L, ELEMENTS / inner);
  // one long row is cut as well
  const long pieces = rows == 1 ? (inner + ELEMENTS - 1) / ELEMENTS : 1, tasks = rows == 1 ? pieces : (rows + step - 1) / step;
  const auto part = [&](long row, long from, long to) {
    const long i = row / shape.size[1], j = row % shape.size[1];
    const float *pa = a + i * shape.a[0] + j * shape.a[1] + from * shape.a[2], *pb = b + i * shape.b[0] + j * shape.b[1] + from * shape.b[2];
    float *po = out + row * inner + from;
    eachGroup(to - from, [&](long k, auto v) {
      typedef decltype(v) V;
      if constexpr (Lanes<V>::count == 1) po[k] = combine<op>(pa[k * shape.a[2]], pb[k * shape.b[2]]);
      else store<V>(po + k, combine<op>(operand<V>(pa + k * shape.a[2], shape.a[2]), operand<V>(pb + k * shape.b[2], shape.b[2])));
    });
  };
  parallel(tasks, [&](long task) {
    if (rows == 1) part(0, inner * task / pieces, inner * (task + 1) / pieces);
    else for (long row = task * step; row < std::min(rows, (task + 1) * step); row++) part(row, 0, inner);
  });
}

static void binary(Binary op, const float *a, const float *b, const Broadcast &shape, float *out) {
  switch (op) {
    case ADD: return binaryOf<ADD>(a, b, shape, out);
    case SUBTRACT: return binaryOf<SUBTRACT>(a, b, shape, out);
    case MULTIPLY: return binaryOf<MULTIPLY>(a, b, shape, out);
    case DIVIDE: return binaryOf<DIVIDE>(a, b, shape, out);
    case MAXIMUM: return binaryOf<MAXIMUM>(a, b, shape, out);
    case MINIMUM: return binaryOf<MINIMUM>(a, b, shape, out);
    case SQUARED_DIFFERENCE: return binaryOf<SQUARED_DIFFERENCE>(a, b, shape, out);
  }
}

template <class F> static void map(const float *x, long count, float *out, F f) {
  parallel((count + ELEMENTS - 1) / ELEMENTS, [&](long task) {
    for (long i = task * ELEMENTS; i < std::min(count, (task + 1) * ELEMENTS); i++) out[i] = f(x[i]);
  });
}

static void unary(Unary op, const float *x, long count, float *out) {
  switch (op) {
    case SQUARE: return map(x, count, out, [](float v) { return v * v; });
    case SQUARE_ROOT: return map(x, count, out, [](float v) { return sqrtf(v); });
    case RECIPROCAL_ROOT: return map(x, count, out, [](float v) { return 1.f / sqrtf(v); });
    case NEGATE: return map(x, count, out, [](float v) { return -v; });
    case RECTIFY: return map(x, count, out, [](float v) { return v < 0 ? 0 : v; });
    case ABSOLUTE: return map(x, count, out, [](float v) { return fabsf(v); });
    // in double, so that they are those of JavaScript
    case EXPONENTIAL: return map(x, count, out, [](float v) { return (float)exp((double)v); });
    case LOGARITHM: return map(x, count, out, [](float v) { return (float)log((double)v); });
    case LOGISTIC: return map(x, count, out, [](float v) { return (float)(1 / (1 + exp(-(double)v))); });
    case HYPERBOLIC_TANGENT: return map(x, count, out, [](float v) { return (float)tanh((double)v); });
  }
}

/** NaN stays NaN. */
static void clip(const float *x, long count, Limits limits, float *out) {
  map(x, count, out, [=](float v) { return v > limits.high ? limits.high : v < limits.low ? limits.low : v; });
}

/** Over each row of x [rows, n]. */
static void softmax(const float *x, long rows, long n, float *out) {
  const long step = std::max(1L, ELEMENTS / n);
  parallel((rows + step - 1) / step, [&](long task) {
    for (long row = task * step; row < std::min(rows, (task + 1) * step); row++) {
      const float *in = x + row * n;
      float *y = out + row * n, most = in[0];
      for (long i = 1; i < n; i++) most = in[i] > most ? in[i] : most;
      double total = 0;
      for (long i = 0; i < n; i++) total += y[i] = (float)exp((double)in[i] - most);
      for (long i = 0; i < n; i++) y[i] = (float)(y[i] / total);
    }
  });
}

template <class V> INLINE V squareRoot(V v) {
  if constexpr (Lanes<V>::count == 1) return sqrtf(v);
  else {
    UNROLL for (int i = 0; i < Lanes<V>::count; i++) v[i] = sqrtf(v[i]);
    return v;
  }
}

static void adamW(const AdamW &r, const float *const in[4], long count, float *const out[3]) {
  parallel((count + ELEMENTS - 1) / ELEMENTS, [&](long task) {
    const long from = task * ELEMENTS, length = std::min(count - from, ELEMENTS);
    const float *w = in[0] + from, *g = in[1] + from, *m = in[2] + from, *v = in[3] + from;
    eachGroup(length, [&](long i, auto type) {
      typedef decltype(type) V;
      const V gradient = load<V>(g + i);
      const V first = load<V>(m + i) * r.beta1 + gradient * r.rest1, second = load<V>(v + i) * r.beta2 + gradient * gradient * r.rest2;
      const V step = first / (squareRoot(second) / r.rootScale + r.epsilon) * r.rate;
      store<V>(out[0] + from + i, load<V>(w + i) * r.kept - step);
      store<V>(out[1] + from + i, first);
      store<V>(out[2] + from + i, second);
    });
  });
}

/** x [outer, reduced, inner] to out [outer, inner], in blocks whose number depends on the shape alone. */
static void sums(const float *x, long outer, long reduced, long inner, double divisor, float *out) {
  const long rows = std::max(1L, ELEMENTS / inner), blocks = (reduced + rows - 1) / rows;
  std::vector<float> partial(outer * blocks * inner);
  parallel(outer * blocks, [&](long task) {
    const long i = task / blocks, from = task % blocks * rows, to = std::min(reduced, from + rows);
    const float *in = x + i * reduced * inner;
    float *sum = partial.data() + task * inner;
    if (inner == 1) {
      // pairs of vectors, so that a sum of many does not lose what is small
      vf s[4] = {};
      long r = from;
      for (; r + 4 * LANES <= to; r += 4 * LANES) UNROLL for (int k = 0; k < 4; k++) s[k] += load(in + r + k * LANES);
      double total = (double)::sum(s[0]) + ::sum(s[1]) + ::sum(s[2]) + ::sum(s[3]);
      for (; r < to; r++) total += in[r];
      *sum = (float)total;
      return;
    }
    eachGroup(inner, [&](long c, auto v) {
      typedef decltype(v) V;
      V s = {};
      for (long r = from; r < to; r++) s += load<V>(in + r * inner + c);
      store<V>(sum + c, s);
    });
  });
  for (long i = 0; i < outer; i++) {
    for (long c = 0; c < inner; c++) {
      double total = 0;
      for (long b = 0; b < blocks; b++) total += partial[(i * blocks + b) * inner + c];
      out[i * inner + c] = (float)(total / divisor);
    }
  }
}
