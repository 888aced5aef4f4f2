// For JavaScript: arithmetic on single elements, with broadcasting, and sums.
#include "addon.h"

namespace {

/** [size, strides of a, strides of b] of AXES each, and both operands, which must hold all that these reach. */
struct Operands {
  Broadcast shape;
  const float *a, *b;
  long size;
};

Operands readOperands(Call &call, int at) {
  Operands o = {{}, nullptr, nullptr, 1};
  long *const fields[] = {o.shape.size, o.shape.a, o.shape.b};
  long last[2] = {0, 0}, sizes[2] = {0, 0};
  for (int i = 0; i < 3 * AXES; i++) fields[i / AXES][i % AXES] = call.entry(at + 2, i);
  for (int i = 0; i < AXES; i++) {
    if (o.shape.size[i] < 1) call.fail("a count is out of range");
    o.size *= o.shape.size[i];
    last[0] += (o.shape.size[i] - 1) * o.shape.a[i];
    last[1] += (o.shape.size[i] - 1) * o.shape.b[i];
    call.atMost((double)o.size);
    if (!call.ok()) return o;
  }
  o.a = call.floats(at, -1, &sizes[0]);
  o.b = call.floats(at + 1, -1, &sizes[1]);
  if (o.shape.a[AXES - 1] > 1 || o.shape.b[AXES - 1] > 1) call.fail("an operation is out of range");
  if (last[0] >= sizes[0] || last[1] >= sizes[1]) call.fail("an operand is smaller than its shape");
  return o;
}

// binary(op, a, b, [size, strides of a, strides of b], out): six whole numbers each, strides 0 where an operand stays the same
napi_value binary(napi_env env, napi_callback_info info) {
  Call call(env, info, KEPT);
  const double op = call.number(0);
  const Operands o = readOperands(call, 1);
  if (!call.ok()) return nullptr;
  float *out = call.floats(4, o.size);
  if (!(op >= ADD && op <= ELU_SLOPE)) call.fail("an operation is out of range");
  if (call.ok()) call.kernels->binary((Binary)(int)op, o.a, o.b, o.shape, out);
  return nullptr;
}

// compare(op, a, b, the same, out bytes)
napi_value compare(napi_env env, napi_callback_info info) {
  Call call(env, info, KEPT);
  const double op = call.number(0);
  const Operands o = readOperands(call, 1);
  if (!call.ok()) return nullptr;
  uint8_t *out = call.bytes(4, o.size);
  if (!(op >= EQUAL && op <= GREATER_EQUAL)) call.fail("an operation is out of range");
  if (call.ok()) call.kernels->compare((Comparison)(int)op, o.a, o.b, o.shape, out);
  return nullptr;
}

// select(which bytes, yes, no, out)
napi_value select(napi_env env, napi_callback_info info) {
  Call call(env, info, KEPT);
  long count = 0;
  const float *yes = call.floats(1, -1, &count), *no = call.floats(2, count);
  const uint8_t *which = call.bytes(0, count);
  float *out = call.floats(3, count);
  if (call.ok()) call.kernels->select(which, yes, no, count, out);
  return nullptr;
}

// unary(op, x, out)
napi_value unary(napi_env env, napi_callback_info info) {
  Call call(env, info, KEPT);
  long count = 0;
  const double op = call.number(0);
  const float *x = call.floats(1, -1, &count);
  float *out = call.floats(2, count);
  if (!(op >= SQUARE && op <= SIGN)) call.fail("an operation is out of range");
  if (call.ok()) call.kernels->unary((Unary)(int)op, x, count, out);
  return nullptr;
}

// clip(x, low, high, out)
napi_value clip(napi_env env, napi_callback_info info) {
  Call call(env, info, KEPT);
  long count = 0;
  const float *x = call.floats(0, -1, &count);
  const Limits limits = call.limits(1);
  float *out = call.floats(3, count);
  if (call.ok()) call.kernels->clip(x, count, limits, out);
  return nullptr;
}

// softmax(x [rows, n], rows, n, out)
napi_value softmax(napi_env env, napi_callback_info info) {
  Call call(env, info, KEPT);
  const long rows = call.count(1), n = call.count(2);
  const float *x = call.floats(0, rows * n);
  float *out = call.floats(3, rows * n);
  if (call.ok()) call.kernels->softmax(x, rows, n, out);
  return nullptr;
}

// sum(x [outer, reduced, inner], outer, reduced, inner, divisor, out [outer, inner])
napi_value sum(napi_env env, napi_callback_info info) {
  Call call(env, info, KEPT);
  const long outer = call.count(1), reduced = call.count(2), inner = call.count(3);
  const float *x = call.floats(0, outer * reduced * inner);
  const double divisor = call.number(4);
  float *out = call.floats(5, outer * inner);
  if (call.ok()) call.kernels->sum(x, outer, reduced, inner, divisor, out);
  return nullptr;
}

// extreme(x [outer, reduced, inner], outer, reduced, inner, least, out [outer, inner])
napi_value extreme(napi_env env, napi_callback_info info) {
  Call call(env, info, KEPT);
  const long outer = call.count(1), reduced = call.count(2), inner = call.count(3);
  const float *x = call.floats(0, outer * reduced * inner);
  const bool least = call.number(4) != 0;
  float *out = call.floats(5, outer * inner);
  if (call.ok()) call.kernels->extreme(x, outer, reduced, inner, least, out);
  return nullptr;
}

// segmentSum(x [rows, inner], ids [rows], inner, segments, out [segments, inner])
napi_value segmentSum(napi_env env, napi_callback_info info) {
  Call call(env, info, KEPT);
  const long inner = call.count(2), segments = call.count(3);
  long rows = 0;
  const int32_t *ids = call.ints(1, -1, &rows);
  const float *x = call.floats(0, rows * inner);
  float *out = call.floats(4, segments * inner);
  if (call.ok()) call.kernels->segmentSum(x, ids, rows, inner, segments, out);
  return nullptr;
}

}  // namespace

void defineArithmetic(napi_env env, napi_value object, const Kernels *kernels) {
  define(env, object, "binary", binary, kernels);
  define(env, object, "compare", compare, kernels);
  define(env, object, "select", select, kernels);
  define(env, object, "unary", unary, kernels);
  define(env, object, "clip", clip, kernels);
  define(env, object, "softmax", softmax, kernels);
  define(env, object, "sum", sum, kernels);
  define(env, object, "extreme", extreme, kernels);
  define(env, object, "segmentSum", segmentSum, kernels);
}
