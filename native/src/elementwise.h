// Arithmetic on single elements, with broadcasting, and sums.
#pragma once
#include <algorithm>
#include <cmath>
#include "kernels.h"
#include "memory.h"
#include "pool.h"
#include "vector.h"

/** Elements in a task: some 128 KB of floats; less is not worth a second thread. */
static const long ELEMENTS = 32768;

/** In double precision, with JavaScript's rule: 1 to the power of NaN or Infinity is NaN. Common exponents skip pow(). */
INLINE float power(float a, float b) {
  if (b == 2) return a * a;
  if (b == 1) return a;
  return std::isfinite(b) || fabsf(a) != 1 ? (float)pow((double)a, (double)b) : NAN;
}

template <Binary op, class V> INLINE V combine(V a, V b) {
  if constexpr (op == ADD) return a + b;
  if constexpr (op == SUBTRACT) return a - b;
  if constexpr (op == MULTIPLY) return a * b;
  if constexpr (op == DIVIDE) return a / b;
  if constexpr (op == SQUARED_DIFFERENCE) return (a - b) * (a - b);
  // of two numbers of which one is NaN, NaN, as Math.max and Math.min
  if constexpr (op == MAXIMUM) return a > b || a != a ? a : b;
  if constexpr (op == MINIMUM) return a < b || a != a ? a : b;
  // leaky and parametric ReLU; ReLU's slope, where b is that below 0; that of ELU, a being the slope of its result b
  if constexpr (op == LEAKY) return a < V{} ? a * b : a;
  if constexpr (op == STEP) return a != a ? a : a > V{} ? all<V>(1.f) : b;
  if constexpr (op == ELU_SLOPE) return b >= V{} ? a : a * (b + all<V>(1.f));
  if constexpr (op == POWER) {
    if constexpr (Lanes<V>::count == 1) return power(a, b);
    else {
      for (int i = 0; i < Lanes<V>::count; i++) a[i] = power(a[i], b[i]);
      return a;
    }
  }
}

template <class V> INLINE V operand(const float *p, long stride) {
  if constexpr (Lanes<V>::count == 1) return *p;
  else return stride ? load<V>(p) : all<V>(*p);
}

/** Runs f(offset in a, offset in b, offset in out, count) for rows of the last axis, or parts of one. */
template <class F> static void eachRow(const Broadcast &shape, F f) {
  const int last = AXES - 1;
  const long inner = shape.size[last];
  long rows = 1;
  for (int axis = 0; axis < last; axis++) rows *= shape.size[axis];
  // one long row is cut as well
  const long step = std::max(1L, ELEMENTS / inner), pieces = rows == 1 ? (inner + ELEMENTS - 1) / ELEMENTS : 1;
  parallel(rows == 1 ? pieces : (rows + step - 1) / step, [&](long task) {
    if (rows == 1) {
      const long from = inner * task / pieces;
      return f(from * shape.a[last], from * shape.b[last], from, inner * (task + 1) / pieces - from);
    }
    for (long row = task * step; row < std::min(rows, (task + 1) * step); row++) {
      long left = row, a = 0, b = 0;
      for (int axis = last - 1; left > 0; axis--) {
        const long i = left % shape.size[axis];
        left /= shape.size[axis];
        a += i * shape.a[axis];
        b += i * shape.b[axis];
      }
      f(a, b, row * inner, inner);
    }
  });
}

template <Binary op> static void binaryOf(const float *a, const float *b, const Broadcast &shape, float *out) {
  const long stepA = shape.a[AXES - 1], stepB = shape.b[AXES - 1];
  eachRow(shape, [=](long fromA, long fromB, long from, long count) {
    const float *pa = a + fromA, *pb = b + fromB;
    float *po = out + from;
    eachGroup(count, [&](long k, auto v) {
      typedef decltype(v) V;
      if constexpr (Lanes<V>::count == 1) po[k] = combine<op>(pa[k * stepA], pb[k * stepB]);
      else store<V>(po + k, combine<op>(operand<V>(pa + k * stepA, stepA), operand<V>(pb + k * stepB, stepB)));
    });
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
    case POWER: return binaryOf<POWER>(a, b, shape, out);
    case LEAKY: return binaryOf<LEAKY>(a, b, shape, out);
    case STEP: return binaryOf<STEP>(a, b, shape, out);
    case ELU_SLOPE: return binaryOf<ELU_SLOPE>(a, b, shape, out);
  }
}

template <class F> static void compareOf(const float *a, const float *b, const Broadcast &shape, uint8_t *out, F holds) {
  const long stepA = shape.a[AXES - 1], stepB = shape.b[AXES - 1];
  eachRow(shape, [=](long fromA, long fromB, long from, long count) {
    for (long k = 0; k < count; k++) out[from + k] = holds(a[fromA + k * stepA], b[fromB + k * stepB]);
  });
}

static void compare(Comparison op, const float *a, const float *b, const Broadcast &shape, uint8_t *out) {
  switch (op) {
    case EQUAL: return compareOf(a, b, shape, out, [](float x, float y) { return x == y; });
    case NOT_EQUAL: return compareOf(a, b, shape, out, [](float x, float y) { return x != y; });
    case LESS: return compareOf(a, b, shape, out, [](float x, float y) { return x < y; });
    case LESS_EQUAL: return compareOf(a, b, shape, out, [](float x, float y) { return x <= y; });
    case GREATER: return compareOf(a, b, shape, out, [](float x, float y) { return x > y; });
    case GREATER_EQUAL: return compareOf(a, b, shape, out, [](float x, float y) { return x >= y; });
  }
}

static void select(const uint8_t *which, const float *yes, const float *no, long count, float *out) {
  parallel((count + ELEMENTS - 1) / ELEMENTS, [&](long task) {
    for (long i = task * ELEMENTS; i < std::min(count, (task + 1) * ELEMENTS); i++) out[i] = which[i] == 1 ? yes[i] : no[i];
  });
}

template <class F> static void map(const float *x, long count, float *out, F f) {
  parallel((count + ELEMENTS - 1) / ELEMENTS, [&](long task) {
    for (long i = task * ELEMENTS; i < std::min(count, (task + 1) * ELEMENTS); i++) out[i] = f(x[i]);
  });
}

// the constants of Klambauer and others 2017
static const double SELU_SCALE = 1.0507009873554804934193349852946, SELU_SCALE_ALPHA = 1.7580993408473768599402175208123;

/** log(1 + exp(v)); where that is v, or exp(v), to float's precision, it is computed so. */
static float softplus(float v) {
  static const double threshold = 13.942385; // -log(2^-23) - 2
  return v > threshold ? v : (float)(v < -threshold ? exp((double)v) : log(1 + exp((double)v)));
}

/** As tfjs has it: 7.1.26 of Abramowitz and Stegun, right to 1.5e-7. */
static float errorFunction(float x) {
  const double v = fabs((double)x), t = 1 / (1 + 0.3275911 * v);
  const double y = 1 - ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * exp(-v * v);
  return (float)(x < 0 ? -y : x > 0 ? y : x);
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
    case ELU: return map(x, count, out, [](float v) { return v >= 0 ? v : (float)(exp((double)v) - 1); });
    case SELU: return map(x, count, out, [](float v) { return (float)(v >= 0 ? SELU_SCALE * v : SELU_SCALE_ALPHA * (exp((double)v) - 1)); });
    case SOFTPLUS: return map(x, count, out, softplus);
    case LOG_1_PLUS: return map(x, count, out, [](float v) { return (float)log1p((double)v); });
    case EXP_LESS_1: return map(x, count, out, [](float v) { return (float)expm1((double)v); });
    case ERF: return map(x, count, out, errorFunction);
    case RECIPROCAL: return map(x, count, out, [](float v) { return 1.f / v; });
    case FLOOR: return map(x, count, out, [](float v) { return floorf(v); });
    case SIGN: return map(x, count, out, [](float v) { return v < 0 ? -1.f : v > 0 ? 1.f : 0.f; });
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

/** Adds up `rows` of x [rows, inner], of which one is enough for a vector or more, or of single floats. */
INLINE void sumRows(const float *x, long rows, long inner, float *out) {
  if (inner == 1) {
    // pairs of vectors, so that a sum of many does not lose what is small
    vf s[4] = {};
    long r = 0;
    for (; r + 4 * LANES <= rows; r += 4 * LANES) UNROLL for (int k = 0; k < 4; k++) s[k] += load(x + r + k * LANES);
    double total = (double)::sum(s[0]) + ::sum(s[1]) + ::sum(s[2]) + ::sum(s[3]);
    for (; r < rows; r++) total += x[r];
    *out = (float)total;
    return;
  }
  eachGroup(inner, [&](long c, auto v) {
    typedef decltype(v) V;
    V s = {};
    for (long r = 0; r < rows; r++) s += load<V>(x + r * inner + c);
    store<V>(out + c, s);
  });
}

/** x [outer, reduced, inner] to out [outer, inner], in blocks whose number depends on the shape alone. */
static void sums(const float *x, long outer, long reduced, long inner, double divisor, float *out) {
  const long rows = std::max(1L, ELEMENTS / inner), blocks = (reduced + rows - 1) / rows;
  const Scratch room = scratch(blocks > 1 ? outer * blocks * inner : 0);
  float *partial = blocks > 1 ? room.get() : out;
  const long step = std::max(1L, ELEMENTS / (std::min(rows, reduced) * inner));
  parallel((outer * blocks + step - 1) / step, [&](long task) {
    for (long i = task * step; i < std::min(outer * blocks, (task + 1) * step); i++) {
      const long from = i % blocks * rows;
      sumRows(x + (i / blocks * reduced + from) * inner, std::min(rows, reduced - from), inner, partial + i * inner);
    }
  });
  for (long i = 0; i < outer && (blocks > 1 || divisor != 1); i++) {
    for (long c = 0; c < inner; c++) {
      double total = 0;
      for (long b = 0; b < blocks; b++) total += partial[(i * blocks + b) * inner + c];
      out[i * inner + c] = (float)(total / divisor);
    }
  }
}

template <Binary op> static void extremeOf(const float *x, long outer, long reduced, long inner, float *out) {
  const long step = std::max(1L, ELEMENTS / (reduced * inner));
  parallel((outer + step - 1) / step, [&](long task) {
    for (long i = task * step; i < std::min(outer, (task + 1) * step); i++) {
      const float *in = x + i * reduced * inner;
      eachGroup(inner, [&](long c, auto v) {
        typedef decltype(v) V;
        V most = load<V>(in + c);
        for (long r = 1; r < reduced; r++) most = combine<op>(most, load<V>(in + r * inner + c));
        store<V>(out + i * inner + c, most);
      });
    }
  });
}

static void extreme(const float *x, long outer, long reduced, long inner, bool least, float *out) {
  if (least) extremeOf<MINIMUM>(x, outer, reduced, inner, out);
  else extremeOf<MAXIMUM>(x, outer, reduced, inner, out);
}

static void segmentSum(const float *x, const int32_t *ids, long rows, long inner, long segments, float *out) {
  memset(out, 0, segments * inner * sizeof(float));
  // each task has some columns of all rows, since several rows may go to one segment
  const long step = std::max(64L, inner / 16 / 64 * 64);
  parallel((inner + step - 1) / step, [&](long task) {
    const long from = task * step, count = std::min(step, inner - from);
    for (long i = 0; i < rows; i++) {
      if (ids[i] < 0 || ids[i] >= segments) continue;
      float *y = out + ids[i] * inner + from;
      eachGroup(count, [&](long c, auto v) { store(y + c, load<decltype(v)>(y + c) + load<decltype(v)>(x + i * inner + from + c)); });
    }
  });
}
