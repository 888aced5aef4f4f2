// The kernels for JavaScript, over Node-API: arrays in, arrays out, every length checked here.
//
// kernels() gives an object of functions for each instruction set that the CPU has, the best first. Nothing is kept between
// calls, so that any number of worker threads can load this; packed weights are Float32Arrays that JavaScript holds.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "addon.h"
#include "memory.h"
#include "pool.h"

namespace {

/** An array buffer of so many bytes, in large pages where it is large; null after an error. */
napi_value newBuffer(Call &call, size_t bytes, void **data) {
  napi_value buffer;
  *data = largePages(bytes);
  const auto release = [](napi_env, void *data, void *bytes) { freeLargePages(data, (size_t)bytes); };
  if (*data && napi_create_external_arraybuffer(call.env(), *data, bytes, release, (void *)bytes, &buffer) == napi_ok) return buffer;
  if (*data) freeLargePages(*data, bytes);
  if (napi_create_arraybuffer(call.env(), bytes, data, &buffer) == napi_ok) return buffer;
  call.fail("no memory for an array");
  return nullptr;
}

/** A new Float32Array that begins at a cache line, whose floats are at `data`; null after an error. */
napi_value newFloats(Call &call, long size, float **data) {
  void *bytes;
  const napi_value buffer = newBuffer(call, size * sizeof(float) + 64, &bytes);
  if (!buffer) return nullptr;
  const size_t skip = (64 - (uintptr_t)bytes % 64) % 64;
  *data = (float *)((char *)bytes + skip);
  napi_value array;
  napi_create_typedarray(call.env(), napi_float32_array, size, buffer, skip, &array);
  return array;
}

/** Argument `at`, a Float32Array of that size, or where it is left out a new one. */
napi_value roomFor(Call &call, int at, long size, float **data) {
  if (!call.isGiven(at)) return newFloats(call, size, data);
  *data = call.floats(at, size);
  return call.value(at);
}

// floats(length)
napi_value floats(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const long length = call.count(0);
  float *data;
  return call.ok() ? newFloats(call, length, &data) : nullptr;
}

// packMatrix(b, k, n, transposed, packed?): b is [k, n], or [n, k] where transposed is 1
napi_value packMatrix(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const long k = call.count(1), n = call.count(2);
  const bool transposed = call.number(3) != 0;
  const float *b = call.floats(0, k * n);
  if (!call.ok()) return nullptr;
  float *packed;
  const napi_value array = roomFor(call, 4, call.kernels->packedSize(k, n), &packed);
  if (call.ok()) call.kernels->pack(b, k, n, transposed ? 1 : n, transposed ? k : 1, packed);
  return array;
}

// packDepthwise(weights [taps, channels], channels, packed?)
napi_value packDepthwise(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const long channels = call.count(1);
  long length = 0;
  const float *weights = call.floats(0, -1, &length);
  if (length == 0 || length % channels != 0) call.fail("a Float32Array has another length than its shape");
  if (!call.ok()) return nullptr;
  float *packed;
  const napi_value array = roomFor(call, 2, length, &packed);
  if (call.ok()) call.kernels->packDepthwise(weights, length / channels, channels, packed);
  return array;
}

/** Copies a vector of n floats and pads it with zeros to whole vectors. */
std::vector<float> padded(const float *values, long n, int lanes) {
  std::vector<float> copy((n + lanes - 1) / lanes * lanes);
  if (values) std::copy(values, values + n, copy.begin());
  return copy;
}

// block([taps, tapsBias, gamma, beta, expand, expandBias, reduce, reduceBias, grnGamma], channels, epsilon, x, n, height, width, out)
napi_value block(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const long c = call.count(1), n = call.count(4), height = call.count(5), width = call.count(6), f = 4 * c;
  const long size = n * height * width * c;
  const Kernels &k = *call.kernels;
  const double epsilon = call.number(2);
  const float *x = call.floats(3, size);
  float *out = call.floats(7, size);
  const float *taps = call.element(0, 0, 49 * c), *tapsBias = call.element(0, 1, c), *gamma = call.element(0, 2, c);
  const float *beta = call.element(0, 3, c), *expand = call.element(0, 4, k.packedSize(c, f)), *expandBias = call.element(0, 5, f);
  const float *reduce = call.element(0, 6, k.packedSize(f, c)), *reduceBias = call.element(0, 7, c), *grn = call.element(0, 8, f);
  if (!call.ok()) return nullptr;
  if (!taps || !tapsBias || !gamma || !beta || !expand || !expandBias || !reduce || !reduceBias) return call.fail("a weight is missing"), nullptr;
  const auto expandPadded = padded(expandBias, f, k.lanes), reducePadded = padded(reduceBias, c, k.lanes), grnPadded = padded(grn, f, k.lanes);
  const Block weights = {c, taps, tapsBias, gamma, beta, (float)epsilon, expand, expandPadded.data(), reduce, reducePadded.data(), grn ? grnPadded.data() : nullptr};
  k.block(weights, x, n, height, width, out);
  return nullptr;
}

// matMul(a [rows, k], packed, bias [n] or null, activation, rows, k, n, out [rows, n])
napi_value matMul(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const long rows = call.count(4), k = call.count(5), n = call.count(6);
  const double activation = call.number(3);
  const float *a = call.floats(0, rows * k), *packed = call.floats(1, call.kernels->packedSize(k, n)), *bias = call.floatsOrNull(2, n);
  float *out = call.floats(7, rows * n);
  if (activation != NONE && activation != GELU && activation != RELU) call.fail("an activation is out of range");
  if (call.ok()) call.kernels->matMul(a, rows, k, packed, n, bias, (Activation)(int)activation, out);
  return nullptr;
}

/** [gamma, beta] or null. */
Norm readNorm(Call &call, int at, long channels, double epsilon) {
  if (call.isNull(at)) return {};
  const Norm norm = {call.element(at, 0, channels), call.element(at, 1, channels), (float)epsilon};
  if (call.ok() && (!norm.gamma || !norm.beta)) call.fail("a weight is missing");
  return norm;
}

// patches(x [n, height, width, channels], packed, bias [to] or null, norm before or null, norm after or null, their epsilon, n, height,
// width, channels, side, to, out)
napi_value patches(napi_env env, napi_callback_info info) {
  Call call(env, info);
  Patches p = call.patches(6);
  const long to = call.count(11), k = p.side * p.side * p.channels;
  if (!call.ok()) return nullptr;
  const float *x = call.floats(0, p.n * p.height * p.width * p.channels);
  const float *packed = call.floats(1, call.kernels->packedSize(k, to)), *bias = call.floatsOrNull(2, to);
  const double epsilon = call.number(5);
  p.before = readNorm(call, 3, p.channels, epsilon);
  p.after = readNorm(call, 4, to, epsilon);
  float *out = call.floats(12, p.n * (p.height / p.side) * (p.width / p.side) * to);
  if (call.ok()) call.kernels->patches(p, x, packed, to, bias, out);
  return nullptr;
}

// layerNorm(x [positions, channels], gamma, beta, epsilon, positions, channels, out)
napi_value layerNorm(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const long positions = call.count(4), channels = call.count(5);
  const float *x = call.floats(0, positions * channels), *gamma = call.floats(1, channels), *beta = call.floats(2, channels);
  const double epsilon = call.number(3);
  float *out = call.floats(6, positions * channels);
  if (call.ok()) call.kernels->layerNorm(x, positions, channels, gamma, beta, (float)epsilon, out);
  return nullptr;
}

// gelu(x, out)
napi_value gelu(napi_env env, napi_callback_info info) {
  Call call(env, info);
  long count = 0;
  const float *x = call.floats(0, -1, &count);
  float *out = call.floats(1, count);
  if (call.ok()) call.kernels->gelu(x, count, out);
  return nullptr;
}

// suppress(boxes [n, 4], order [count], groups [n], threshold, most, kept [count])
napi_value suppress(napi_env env, napi_callback_info info) {
  Call call(env, info, KEPT);
  long length = 0, count = 0;
  const float *boxes = call.floats(0, -1, &length);
  const int32_t *order = call.ints(1, -1, &count), *groups = call.ints(2, length / 4);
  uint8_t *kept = call.bytes(5, count);
  for (long i = 0; call.ok() && i < count; i++) {
    if (order[i] < 0 || order[i] >= length / 4) call.fail("a box is out of range");
  }
  const double threshold = call.number(3), most = call.number(4);
  if (call.ok()) call.kernels->suppress(boxes, order, groups, count, threshold, most, kept);
  return nullptr;
}

// packWinograd(weights [3, 3, channels, to], channels, to, packed?)
napi_value packWinograd(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const long channels = call.count(1), to = call.count(2);
  const float *weights = call.floats(0, 9 * channels * to);
  if (!call.ok()) return nullptr;
  float *packed;
  const napi_value array = roomFor(call, 3, call.kernels->winogradSize(channels, to), &packed);
  if (call.ok()) call.kernels->packWinograd(weights, channels, to, packed);
  return array;
}

// winograd(geometry, x, packed, bias [to] or null, low, high, out)
napi_value winograd(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const Geometry g = call.geometry(0);
  if (!call.ok()) return nullptr;
  if (g.kernelHeight != 3 || g.kernelWidth != 3 || g.strideY * g.strideX * g.dilationY * g.dilationX != 1) call.fail("not a 3x3 convolution of stride 1");
  const float *x = call.floats(1, inputSize(g)), *packed = call.floats(2, call.kernels->winogradSize(g.channels, g.to));
  const float *bias = call.floatsOrNull(3, g.to);
  const Limits limits = call.limits(4);
  float *out = call.floats(6, outputSize(g));
  if (call.ok()) call.kernels->winograd(g, x, packed, bias, limits, out);
  return nullptr;
}

// convolution(geometry, x, packed, bias [to] or null, low, high, out)
napi_value convolution(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const Geometry g = call.geometry(0);
  if (!call.ok()) return nullptr;
  const float *x = call.floats(1, inputSize(g)), *packed = call.floats(2, call.kernels->packedSize(g.kernelHeight * g.kernelWidth * g.channels, g.to));
  const float *bias = call.floatsOrNull(3, g.to);
  const Limits limits = call.limits(4);
  float *out = call.floats(6, outputSize(g));
  if (call.ok()) call.kernels->convolution(g, x, packed, bias, limits, out);
  return nullptr;
}

// depthwise(geometry, x, packed, bias [channels] or null, low, high, out)
napi_value depthwise(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const Geometry g = call.geometry(0);
  if (!call.ok()) return nullptr;
  if (g.to != g.channels) call.fail("a depthwise convolution has as many channels out as in");
  const float *x = call.floats(1, inputSize(g)), *packed = call.floats(2, g.kernelHeight * g.kernelWidth * g.channels);
  const float *bias = call.floatsOrNull(3, g.channels);
  const Limits limits = call.limits(4);
  float *out = call.floats(6, outputSize(g));
  if (call.ok()) call.kernels->depthwise(g, x, packed, bias, limits, out);
  return nullptr;
}

// pool(maps, x, rows [outHeight, 2], columns [outWidth, 2], greatest, out)
napi_value pool(napi_env env, napi_callback_info info) {
  Call call(env, info, KEPT);
  const Maps m = call.maps(0);
  if (!call.ok()) return nullptr;
  const float *x = call.floats(1, m.n * m.height * m.width * m.channels);
  const int32_t *rows = call.places(2, m.outHeight, m.height, 1), *columns = call.places(3, m.outWidth, m.width, 1);
  const bool greatest = call.number(4) != 0;
  float *out = call.floats(5, m.n * m.outHeight * m.outWidth * m.channels);
  if (call.ok()) call.kernels->pool(m, x, rows, columns, greatest, out);
  return nullptr;
}

// interpolate(maps, x, rows [outHeight, 2], rowShares [outHeight], columns [outWidth, 2], columnShares [outWidth], out)
napi_value interpolate(napi_env env, napi_callback_info info) {
  Call call(env, info, KEPT);
  const Maps m = call.maps(0);
  if (!call.ok()) return nullptr;
  const float *x = call.floats(1, m.n * m.height * m.width * m.channels);
  const int32_t *rows = call.places(2, m.outHeight, m.height, 0), *columns = call.places(4, m.outWidth, m.width, 0);
  const float *rowShares = call.floats(3, m.outHeight), *columnShares = call.floats(5, m.outWidth);
  float *out = call.floats(6, m.n * m.outHeight * m.outWidth * m.channels);
  if (call.ok()) call.kernels->interpolate(m, x, rows, rowShares, columns, columnShares, out);
  return nullptr;
}

/** align [8], scale, and boxes [count, 5], each on one of the maps. */
RoiAlign readRoiAlign(Call &call, int at, const float **rois, long *count) {
  const int32_t *v = call.ints(at, 8);
  const double scale = call.number(at + 1);
  long length = 0;
  *rois = call.floats(at + 2, -1, &length);
  if (!call.ok()) return {};
  for (int i = 0; i < 6; i++) {
    if (v[i] < 1) call.fail("a number of RoIAlign is out of range");
  }
  const RoiAlign r = {v[0], v[1], v[2], v[3], v[4], v[5], std::max(v[6], 0), v[7] != 0, (float)scale};
  *count = length / 5;
  call.atMost((double)r.n * r.height * r.width * r.channels);
  call.atMost((double)*count * r.outHeight * r.outWidth * r.channels);
  if (length % 5 != 0) call.fail("a box has five numbers");
  for (long i = 0; call.ok() && i < *count; i++) {
    const float picture = (*rois)[5 * i];
    if (!(picture >= 0 && picture < r.n)) call.fail("a box is on no map");
  }
  return r;
}

// roiAlign(x, [n, height, width, channels, outHeight, outWidth, samplingRatio, halfPixel], scale, rois [count, 5], out)
napi_value roiAlign(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const float *rois;
  long count = 0;
  const RoiAlign r = readRoiAlign(call, 1, &rois, &count);
  if (!call.ok()) return nullptr;
  const float *x = call.floats(0, r.n * r.height * r.width * r.channels);
  float *out = call.floats(4, count * r.outHeight * r.outWidth * r.channels);
  if (call.ok()) call.kernels->roiAlign(r, x, rois, count, out);
  return nullptr;
}

// roiAlignGradient(dy, the same, dx)
napi_value roiAlignGradient(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const float *rois;
  long count = 0;
  const RoiAlign r = readRoiAlign(call, 1, &rois, &count);
  if (!call.ok()) return nullptr;
  const float *dy = call.floats(0, count * r.outHeight * r.outWidth * r.channels);
  float *dx = call.floats(4, r.n * r.height * r.width * r.channels);
  if (call.ok()) call.kernels->roiAlignGradient(r, dy, rois, count, dx);
  return nullptr;
}

// copyBox(box [18]: sizes, strides in x, strides in out; x, first of x, out, first of out)
napi_value copyBox(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int32_t *v = call.ints(0, 18);
  if (!call.ok()) return nullptr;
  Box box;
  double last[2] = {call.number(2), call.number(4)};
  const double first[2] = {last[0], last[1]};
  for (int i = 0; i < 6; i++) {
    box.size[i] = v[i], box.in[i] = v[6 + i], box.out[i] = v[12 + i];
    if (v[i] < 1 || v[6 + i] < 0 || v[12 + i] < 0) call.fail("a number of a box is out of range");
    last[0] += (double)(v[i] - 1) * v[6 + i];
    last[1] += (double)(v[i] - 1) * v[12 + i];
  }
  long sizes[2] = {0, 0};
  const float *x = call.floats(1, -1, &sizes[0]);
  float *out = call.floats(3, -1, &sizes[1]);
  for (int i = 0; i < 2; i++) {
    if (!(first[i] >= 0 && last[i] < sizes[i])) call.fail("a box is outside its array");
  }
  if (call.ok()) call.kernels->copyBox(box, x + (long)first[0], out + (long)first[1]);
  return nullptr;
}

// weighBytes(x [outer, from, inner], outer, from, inner, first [to], count [to], values [to, taps], to, taps, out [outer, to, inner])
napi_value weighBytes(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const long outer = call.count(1), from = call.count(2), inner = call.count(3), to = call.count(7), taps = call.count(8);
  call.atMost((double)outer * std::max(from, to) * inner);
  call.atMost((double)to * taps);
  if (!call.ok()) return nullptr;
  const uint8_t *x = call.bytes(0, outer * from * inner);
  const Weights w = {to, taps, call.ints(4, to), call.ints(5, to), call.ints(6, to * taps)};
  uint8_t *out = call.bytes(9, outer * to * inner);
  for (long i = 0; call.ok() && i < to; i++) {
    if (w.first[i] < 0 || w.count[i] < 0 || w.count[i] > taps || (long)w.first[i] + w.count[i] > from) call.fail("a place is outside the picture");
  }
  if (call.ok()) call.kernels->weighBytes(x, outer, from, inner, w, out);
  return nullptr;
}

// peak(steps): floating point operations done
napi_value peak(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const long steps = call.count(0);
  napi_value result = nullptr;
  if (call.ok()) napi_create_double(env, call.kernels->peak(steps), &result);
  return result;
}

// threads(): how many; threads(n) sets it
napi_value threadCount(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value value, result;
  napi_get_cb_info(env, info, &count, &value, nullptr, nullptr);
  double wish;
  if (count == 1 && napi_get_value_double(env, value, &wish) == napi_ok && wish >= 1 && wish <= 1024) setThreads((int)wish);
  napi_create_double(env, threads(), &result);
  return result;
}

napi_value kernelsOf(napi_env env, const Kernels *kernels) {
  napi_value object, name, lanes;
  napi_create_object(env, &object);
  napi_create_string_utf8(env, kernels->name, NAPI_AUTO_LENGTH, &name);
  napi_set_named_property(env, object, "isa", name);
  napi_create_double(env, kernels->lanes, &lanes);
  napi_set_named_property(env, object, "lanes", lanes);
  define(env, object, "floats", floats, kernels);
  define(env, object, "packMatrix", packMatrix, kernels);
  define(env, object, "packDepthwise", packDepthwise, kernels);
  define(env, object, "block", block, kernels);
  define(env, object, "matMul", matMul, kernels);
  define(env, object, "patches", patches, kernels);
  define(env, object, "layerNorm", layerNorm, kernels);
  define(env, object, "gelu", gelu, kernels);
  define(env, object, "suppress", suppress, kernels);
  define(env, object, "peak", peak, kernels);
  define(env, object, "packWinograd", packWinograd, kernels);
  define(env, object, "winograd", winograd, kernels);
  define(env, object, "convolution", convolution, kernels);
  define(env, object, "depthwise", depthwise, kernels);
  define(env, object, "pool", pool, kernels);
  define(env, object, "interpolate", interpolate, kernels);
  define(env, object, "roiAlign", roiAlign, kernels);
  define(env, object, "roiAlignGradient", roiAlignGradient, kernels);
  define(env, object, "copyBox", copyBox, kernels);
  define(env, object, "weighBytes", weighBytes, kernels);
  defineArithmetic(env, object, kernels);
  defineTraining(env, object, kernels);
  return object;
}

napi_value allKernels(napi_env env, napi_callback_info) {
  napi_value list;
  napi_create_array(env, &list);
  for (int i = 0; kernelsAt(i); i++) napi_set_element(env, list, i, kernelsOf(env, kernelsAt(i)));
  return list;
}

}  // namespace

NAPI_MODULE_INIT() {
  define(env, exports, "kernels", allKernels, nullptr);
  define(env, exports, "threads", threadCount, nullptr);
  return exports;
}
