// For JavaScript: gradients and the step of an optimiser, and the norms of training.
#include "addon.h"

namespace {

// adamW(variable, gradient, first, second, rates [8], new variable, new first, new second)
napi_value adamW(napi_env env, napi_callback_info info) {
  Call call(env, info);
  long count = 0;
  const float *const in[4] = {call.floats(0, -1, &count), call.floats(1, count), call.floats(2, count), call.floats(3, count)};
  const float *r = call.floats(4, 8);
  float *const out[3] = {call.floats(5, count), call.floats(6, count), call.floats(7, count)};
  if (call.ok()) call.kernels->adamW({r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]}, in, count, out);
  return nullptr;
}

// matMulTransposed(a [rows, k], b [rows, n], rows, k, n, out [k, n])
napi_value matMulTransposed(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const long rows = call.count(2), k = call.count(3), n = call.count(4);
  const float *a = call.floats(0, rows * k), *b = call.floats(1, rows * n);
  float *out = call.floats(5, k * n);
  if (call.ok()) call.kernels->matMulTransposed(a, b, rows, k, n, out);
  return nullptr;
}

// depthwiseInput(dy, flipped, n, height, width, channels, dx)
napi_value depthwiseInput(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const long n = call.count(2), height = call.count(3), width = call.count(4), channels = call.count(5);
  const long size = n * height * width * channels;
  const float *dy = call.floats(0, size), *flipped = call.floats(1, 49 * channels);
  float *dx = call.floats(6, size);
  if (call.ok()) call.kernels->depthwiseInput(dy, n, height, width, channels, flipped, dx);
  return nullptr;
}

// depthwiseFilter(x, dy, n, height, width, channels, out [7, 7, channels])
napi_value depthwiseFilter(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const long n = call.count(2), height = call.count(3), width = call.count(4), channels = call.count(5);
  const long size = n * height * width * channels;
  const float *x = call.floats(0, size), *dy = call.floats(1, size);
  float *out = call.floats(6, 49 * channels);
  if (call.ok()) call.kernels->depthwiseFilter(x, dy, n, height, width, channels, out);
  return nullptr;
}

// patchesInput(dy, packed, n, height, width, channels, side, to, dx): packed is the filter transposed
napi_value patchesInput(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const Patches p = call.patches(2);
  const long to = call.count(7);
  if (!call.ok()) return nullptr;
  const float *dy = call.floats(0, p.n * (p.height / p.side) * (p.width / p.side) * to);
  const float *packed = call.floats(1, call.kernels->packedSize(to, p.side * p.side * p.channels));
  float *dx = call.floats(8, p.n * p.height * p.width * p.channels);
  if (call.ok()) call.kernels->patchesInput(p, dy, packed, to, dx);
  return nullptr;
}

// layerNormGradient(x, gamma, dy, epsilon, positions, channels, dx, dgamma, dbeta)
napi_value layerNormGradient(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const long positions = call.count(4), channels = call.count(5), size = positions * channels;
  const float *x = call.floats(0, size), *gamma = call.floats(1, channels), *dy = call.floats(2, size);
  const double epsilon = call.number(3);
  float *dx = call.floats(6, size), *dgamma = call.floats(7, channels), *dbeta = call.floats(8, channels);
  if (call.ok()) call.kernels->layerNormGradient(x, gamma, dy, (float)epsilon, positions, channels, dx, dgamma, dbeta);
  return nullptr;
}

// responseNorm(x [n, positions, channels], gamma, beta, n, positions, channels, out)
napi_value responseNorm(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const long n = call.count(3), positions = call.count(4), channels = call.count(5), size = n * positions * channels;
  const float *x = call.floats(0, size), *gamma = call.floats(1, channels), *beta = call.floats(2, channels);
  float *out = call.floats(6, size);
  if (call.ok()) call.kernels->responseNorm(x, gamma, beta, n, positions, channels, out);
  return nullptr;
}

// responseNormGradient(x, gamma, dy, n, positions, channels, dx, dgamma, dbeta)
napi_value responseNormGradient(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const long n = call.count(3), positions = call.count(4), channels = call.count(5), size = n * positions * channels;
  const float *x = call.floats(0, size), *gamma = call.floats(1, channels), *dy = call.floats(2, size);
  float *dx = call.floats(6, size), *dgamma = call.floats(7, channels), *dbeta = call.floats(8, channels);
  if (call.ok()) call.kernels->responseNormGradient(x, gamma, dy, n, positions, channels, dx, dgamma, dbeta);
  return nullptr;
}

// geluGradient(x, dy, dx)
napi_value geluGradient(napi_env env, napi_callback_info info) {
  Call call(env, info);
  long count = 0;
  const float *x = call.floats(0, -1, &count), *dy = call.floats(1, count);
  float *dx = call.floats(2, count);
  if (call.ok()) call.kernels->geluGradient(x, dy, count, dx);
  return nullptr;
}

// convolutionInput(geometry, dy, filter [kernelHeight, kernelWidth, channels, to], dx)
napi_value convolutionInput(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const Geometry g = call.geometry(0);
  if (!call.ok()) return nullptr;
  const float *dy = call.floats(1, outputSize(g)), *filter = call.floats(2, filterSize(g));
  float *dx = call.floats(3, inputSize(g));
  if (call.ok()) call.kernels->convolutionInput(g, dy, filter, dx);
  return nullptr;
}

// convolutionFilter(geometry, x, dy, out [kernelHeight, kernelWidth, channels, to])
napi_value convolutionFilter(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const Geometry g = call.geometry(0);
  if (!call.ok()) return nullptr;
  const float *x = call.floats(1, inputSize(g)), *dy = call.floats(2, outputSize(g));
  float *out = call.floats(3, filterSize(g));
  if (call.ok()) call.kernels->convolutionFilter(g, x, dy, out);
  return nullptr;
}

// depthwiseAnyInput(geometry, dy, filter [kernelHeight, kernelWidth, channels], dx)
napi_value depthwiseAnyInput(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const Geometry g = call.geometry(0);
  if (!call.ok()) return nullptr;
  if (g.to != g.channels) call.fail("a depthwise convolution has as many channels out as in");
  const float *dy = call.floats(1, outputSize(g)), *filter = call.floats(2, g.kernelHeight * g.kernelWidth * g.channels);
  float *dx = call.floats(3, inputSize(g));
  if (call.ok()) call.kernels->depthwiseAnyInput(g, dy, filter, dx);
  return nullptr;
}

// depthwiseAnyFilter(geometry, x, dy, out [kernelHeight, kernelWidth, channels])
napi_value depthwiseAnyFilter(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const Geometry g = call.geometry(0);
  if (!call.ok()) return nullptr;
  if (g.to != g.channels) call.fail("a depthwise convolution has as many channels out as in");
  const float *x = call.floats(1, inputSize(g)), *dy = call.floats(2, outputSize(g));
  float *out = call.floats(3, g.kernelHeight * g.kernelWidth * g.channels);
  if (call.ok()) call.kernels->depthwiseAnyFilter(g, x, dy, out);
  return nullptr;
}

// products([rows, k, n, whether a is turned, whether b is], a, b, numbers of a's matrices, of b's, out [numbers, rows, n])
napi_value products(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int32_t *v = call.ints(0, 5);
  long sizes[2], count = 0;
  const float *a = call.floats(1, -1, &sizes[0]), *b = call.floats(2, -1, &sizes[1]);
  const int32_t *ofA = call.ints(3, -1, &count), *ofB = call.ints(4, count);
  if (!call.ok()) return nullptr;
  if (v[0] < 1 || v[1] < 1 || v[2] < 1 || count < 1) return call.fail("a count is out of range"), nullptr;
  const Products p = {count, v[0], v[1], v[2], v[3] != 0, v[4] != 0, ofA, ofB};
  call.atMost((double)p.count * p.rows * p.n);
  const long matrices[2] = {sizes[0] / (p.rows * p.k), sizes[1] / (p.k * p.n)};
  if (matrices[0] * p.rows * p.k != sizes[0] || matrices[1] * p.k * p.n != sizes[1]) call.fail("a Float32Array has another length than its shape");
  for (long i = 0; call.ok() && i < count; i++) {
    if (ofA[i] < 0 || ofA[i] >= matrices[0] || ofB[i] < 0 || ofB[i] >= matrices[1]) call.fail("a matrix is out of range");
  }
  if (!call.ok()) return nullptr;
  float *out = call.floats(5, p.count * p.rows * p.n);
  if (call.ok()) call.kernels->products(p, a, b, matrices[1], out);
  return nullptr;
}

// poolGradient(maps, x or null, dy, rows [outHeight, 2], columns [outWidth, 2], share, dx)
napi_value poolGradient(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const Maps m = call.maps(0);
  if (!call.ok()) return nullptr;
  const long size = m.n * m.height * m.width * m.channels;
  const float *x = call.floatsOrNull(1, size), *dy = call.floats(2, m.n * m.outHeight * m.outWidth * m.channels);
  const int32_t *rows = call.places(3, m.outHeight, m.height, 1), *columns = call.places(4, m.outWidth, m.width, 1);
  const double share = call.number(5);
  float *dx = call.floats(6, size);
  if (call.ok()) call.kernels->poolGradient(m, x, dy, rows, columns, (float)share, dx);
  return nullptr;
}

// interpolateGradient(maps, dy, rows [outHeight, 2], rowShares [outHeight], columns [outWidth, 2], columnShares [outWidth], dx)
napi_value interpolateGradient(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const Maps m = call.maps(0);
  if (!call.ok()) return nullptr;
  const float *dy = call.floats(1, m.n * m.outHeight * m.outWidth * m.channels);
  const int32_t *rows = call.places(2, m.outHeight, m.height, 0), *columns = call.places(4, m.outWidth, m.width, 0);
  const float *rowShares = call.floats(3, m.outHeight), *columnShares = call.floats(5, m.outWidth);
  float *dx = call.floats(6, m.n * m.height * m.width * m.channels);
  if (call.ok()) call.kernels->interpolateGradient(m, dy, rows, rowShares, columns, columnShares, dx);
  return nullptr;
}

/** n, positions, channels, groups from an argument on. */
struct Grouped {
  long n, positions, channels, groups;
  long size() const { return n * positions * channels; }
};

Grouped readGrouped(Call &call, int at) {
  const Grouped g = {call.count(at), call.count(at + 1), call.count(at + 2), call.count(at + 3)};
  if (call.ok() && g.channels % g.groups != 0) call.fail("the channels do not fall into groups");
  return g;
}

// groupNorm(x [n, positions, channels], gamma, beta, epsilon, n, positions, channels, groups, out)
napi_value groupNorm(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const Grouped g = readGrouped(call, 4);
  const float *x = call.floats(0, g.size()), *gamma = call.floats(1, g.channels), *beta = call.floats(2, g.channels);
  const double epsilon = call.number(3);
  float *out = call.floats(8, g.size());
  if (call.ok()) call.kernels->groupNorm(x, gamma, beta, g.groups, (float)epsilon, g.n, g.positions, g.channels, out);
  return nullptr;
}

// groupNormGradient(x, gamma, dy, epsilon, n, positions, channels, groups, dx, dgamma, dbeta)
napi_value groupNormGradient(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const Grouped g = readGrouped(call, 4);
  const float *x = call.floats(0, g.size()), *gamma = call.floats(1, g.channels), *dy = call.floats(2, g.size());
  const double epsilon = call.number(3);
  float *dx = call.floats(8, g.size()), *dgamma = call.floats(9, g.channels), *dbeta = call.floats(10, g.channels);
  if (call.ok()) call.kernels->groupNormGradient(x, gamma, dy, g.groups, (float)epsilon, g.n, g.positions, g.channels, dx, dgamma, dbeta);
  return nullptr;
}

}  // namespace

void defineTraining(napi_env env, napi_value object, const Kernels *kernels) {
  define(env, object, "adamW", adamW, kernels);
  define(env, object, "matMulTransposed", matMulTransposed, kernels);
  define(env, object, "depthwiseInput", depthwiseInput, kernels);
  define(env, object, "depthwiseFilter", depthwiseFilter, kernels);
  define(env, object, "patchesInput", patchesInput, kernels);
  define(env, object, "layerNormGradient", layerNormGradient, kernels);
  define(env, object, "responseNorm", responseNorm, kernels);
  define(env, object, "responseNormGradient", responseNormGradient, kernels);
  define(env, object, "geluGradient", geluGradient, kernels);
  define(env, object, "convolutionInput", convolutionInput, kernels);
  define(env, object, "convolutionFilter", convolutionFilter, kernels);
  define(env, object, "depthwiseAnyInput", depthwiseAnyInput, kernels);
  define(env, object, "depthwiseAnyFilter", depthwiseAnyFilter, kernels);
  define(env, object, "products", products, kernels);
  define(env, object, "poolGradient", poolGradient, kernels);
  define(env, object, "interpolateGradient", interpolateGradient, kernels);
  define(env, object, "groupNorm", groupNorm, kernels);
  define(env, object, "groupNormGradient", groupNormGradient, kernels);
}
