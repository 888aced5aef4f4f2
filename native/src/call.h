// The arguments of a call from JavaScript, checked.
#pragma once
#define NAPI_VERSION 8
#include <node_api.h>

#include "denormals.h"
#include "kernels.h"

/** Whether a call computes with denormals, as tfjs' elementwise kernels do, or takes them for 0. */
enum Denormals { KEPT, FLUSHED };

/** The arguments of a call; the first mistake throws a RangeError in JavaScript and makes the rest do nothing. */
class Call {
 public:
  Call(napi_env env, napi_callback_info info, Denormals denormals = FLUSHED) : mode_(denormals == FLUSHED ? FLUSH : 0), env_(env) {
    size_t count = MOST;
    void *data;
    napi_get_cb_info(env, info, &count, values_, nullptr, &data);
    kernels = (const Kernels *)data;
  }

  /** A Float32Array of exactly `size` floats, or of any size where that is -1. */
  float *floats(int at, long size = -1, long *length = nullptr) { return read(values_[at], size, length); }

  /** The same, or null where the argument is null. */
  float *floatsOrNull(int at, long size) {
    return isNull(at) ? nullptr : floats(at, size);
  }

  bool isNull(int at) { return isNull(values_[at]); }

  /** Element i of an array of Float32Arrays. */
  float *element(int at, int i, long size) {
    napi_value item;
    if (failed_ || napi_get_element(env_, values_[at], i, &item) != napi_ok) {
      fail("a list of Float32Arrays is missing");
      return nullptr;
    }
    return isNull(item) ? nullptr : read(item, size, nullptr);
  }

  /** A whole number from 1 to 2^31. */
  long count(int at) {
    double number = 0;
    if (napi_get_value_double(env_, values_[at], &number) != napi_ok || !(number >= 1 && number <= 2147483648.0)) {
      fail("a count is out of range");
      return 0;
    }
    return (long)number;
  }

  /** Element i of a list of whole numbers of at least 0. */
  long entry(int at, int i) {
    napi_value item;
    double number = -1;
    if (failed_ || napi_get_element(env_, values_[at], i, &item) != napi_ok || napi_get_value_double(env_, item, &number) != napi_ok ||
        !(number >= 0 && number <= 2147483648.0)) {
      fail("a list of whole numbers is missing");
      return 0;
    }
    return (long)number;
  }

  double number(int at) {
    double number = 0;
    if (napi_get_value_double(env_, values_[at], &number) != napi_ok) fail("a number is missing");
    return number;
  }

  /** An Int32Array of exactly `size` numbers, or of any size where that is -1. */
  const int32_t *ints(int at, long size, long *length = nullptr) {
    return (const int32_t *)typed(values_[at], napi_int32_array, size, length, "an Int32Array is missing, or has another length than its shape");
  }

  /** A Uint8Array of exactly `size` bytes. */
  uint8_t *bytes(int at, long size) {
    return (uint8_t *)typed(values_[at], napi_uint8_array, size, nullptr, "a Uint8Array is missing, or has another length than its shape");
  }

  /** n, height, width, channels, side from an argument on. */
  Patches patches(int at) {
    const Patches p = {count(at), count(at + 1), count(at + 2), count(at + 3), count(at + 4), {}, {}};
    if (p.side > p.height || p.side > p.width) fail("a patch is larger than the picture");
    return p;
  }

  /** A Geometry as an Int32Array of its 15 numbers, in order. */
  Geometry geometry(int at) {
    const int32_t *v = ints(at, 15);
    if (failed_) return {};
    for (int i = 0; i < 15; i++) {
      const bool padding = i == 11 || i == 12;
      if (v[i] < (padding ? 0 : 1)) fail("a number of a geometry is out of range");
    }
    const Geometry g = {v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11], v[12], v[13], v[14]};
    atMost((double)g.n * g.height * g.width * g.channels);
    atMost((double)g.n * g.outHeight * g.outWidth * g.to);
    atMost((double)g.kernelHeight * g.kernelWidth * g.channels * g.to);
    return g;
  }

  /** Maps as an Int32Array of its 6 numbers, in order. */
  Maps maps(int at) {
    const int32_t *v = ints(at, 6);
    if (failed_) return {};
    for (int i = 0; i < 6; i++) {
      if (v[i] < 1) fail("a size of maps is out of range");
    }
    const Maps m = {v[0], v[1], v[2], v[3], v[4], v[5]};
    atMost((double)m.n * m.height * m.width * m.channels);
    atMost((double)m.n * m.outHeight * m.outWidth * m.channels);
    return m;
  }

  /** Two places on an axis of `size` for each of `count` outputs, the second `beyond` the axis at most. */
  const int32_t *places(int at, long count, long size, long beyond) {
    const int32_t *v = ints(at, 2 * count);
    for (long i = 0; !failed_ && i < 2 * count; i++) {
      if (v[i] < 0 || v[i] >= size + beyond) fail("a place is outside the map");
    }
    return v;
  }

  void atMost(double size) {
    if (size > 1LL << 40) fail("a shape is too large");
  }

  bool isGiven(int at) {
    napi_valuetype type = napi_undefined;
    return napi_typeof(env_, values_[at], &type) == napi_ok && type != napi_undefined;
  }

  napi_value value(int at) const { return values_[at]; }

  Limits limits(int at) { return {(float)number(at), (float)number(at + 1)}; }

  void fail(const char *message) {
    if (!failed_) napi_throw_range_error(env_, nullptr, message);
    failed_ = true;
  }

  bool ok() const { return !failed_; }
  napi_env env() const { return env_; }
  const Kernels *kernels;

 private:
  static constexpr int MOST = 16;

  bool isNull(napi_value value) {
    napi_valuetype type = napi_undefined;
    return napi_typeof(env_, value, &type) == napi_ok && type == napi_null;
  }

  float *read(napi_value value, long size, long *length) {
    return (float *)typed(value, napi_float32_array, size, length, "a Float32Array is missing, or has another length than its shape");
  }

  void *typed(napi_value value, napi_typedarray_type wanted, long size, long *length, const char *message) {
    napi_typedarray_type type;
    size_t count;
    void *data;
    if (napi_get_typedarray_info(env_, value, &type, &count, &data, nullptr, nullptr) == napi_ok && type == wanted && (size < 0 || (long)count == size)) {
      if (length) *length = (long)count;
      return data;
    }
    fail(message);
    return nullptr;
  }

  const WithFloatMode mode_;
  napi_env env_;
  napi_value values_[MOST] = {};
  bool failed_ = false;
};
