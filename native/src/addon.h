// The parts of the addon: each adds its functions to an object of the kernels for one instruction set.
#pragma once
#include "call.h"

inline long inputSize(const Geometry &g) { return g.n * g.height * g.width * g.channels; }
inline long outputSize(const Geometry &g) { return g.n * g.outHeight * g.outWidth * g.to; }
inline long filterSize(const Geometry &g) { return g.kernelHeight * g.kernelWidth * g.channels * g.to; }

inline void define(napi_env env, napi_value object, const char *name, napi_callback function, const Kernels *kernels) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, (void *)kernels, &value);
  napi_set_named_property(env, object, name, value);
}

/** addon-arithmetic.cc: element by element, and sums. */
void defineArithmetic(napi_env env, napi_value object, const Kernels *kernels);
/** addon-training.cc: what training needs beside the kernels of the way forth. */
void defineTraining(napi_env env, napi_value object, const Kernels *kernels);
